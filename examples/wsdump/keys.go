package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// openKeys follows the key logs of --keylog, once the file of -w is there: a
// pcapng file gets their lines too, and those that the file of -r holds.
func (o *options) openKeys(s *source) error {
	if o.keys == nil {
		return nil // --demo
	}
	if s.writer != nil && savesSecrets(o.write) {
		o.keys.Record(secretsOf{s.writer})
	}
	for _, name := range o.keylogs {
		if err := o.keys.Follow(name); err != nil {
			return err
		}
	}
	if len(o.keylogs) == 0 && !s.pcapng {
		o.keys = nil // there are none, and will be none: nothing waits for them
	}
	return nil
}

// savesSecrets says whether a file of -w has a place for secrets.
func savesSecrets(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".pcapng")
}

// recordAgain gives a file that follows another one what it needs of the secrets.
func (o *options) recordAgain(keys *decrypt.KeyLog) func() {
	told := false
	return func() {
		left := keys.RecordAgain(int(o.size / 4))
		if left > 0 && !told {
			told = true
			fmt.Fprintf(os.Stderr, "wsdump: a file of -C is too small for the keys of %s that go on\n", cli.Quantity(uint64(left), "connection"))
		}
	}
}

// fileSecrets takes the secrets of the file that is read.
type fileSecrets struct {
	keys  *decrypt.KeyLog
	found atomic.Bool // some
}

func (f *fileSecrets) Write(b []byte) (int, error) {
	f.found.Store(true)
	return f.keys.Write(b)
}

// tellLeftOut says that secrets of the file that is read are not in the one of -w.
func (o *options) tellLeftOut() {
	if o.write != "" && o.inFile != nil && o.inFile.found.Load() && !savesSecrets(o.write) {
		fmt.Fprintf(os.Stderr, "wsdump: the keys that %s holds are not in %s: only a name that ends in .pcapng makes a file for them\n",
			quoteArg(o.read), quoteArg(o.write))
	}
}

// secretsOf writes to the Decryption Secrets Blocks of a file.
type secretsOf struct{ w *pcapfile.Writer }

func (s secretsOf) Write(b []byte) (int, error) { return len(b), s.w.WriteSecrets(b) }

// printTLS writes which connections in TLS were not opened, and why.
func (o *options) printTLS(w io.Writer, s *websocket.Stats) {
	t := &s.TLS
	for _, rare := range []struct {
		n    uint64
		what string
	}{
		{t.KeylessConns, " without keys: " + o.keyAdvice()},
		{t.LateConns, " joined late, and not opened: " + o.lateAdvice()},
		{t.Late12Conns, " of TLS 1.2 joined late: what its handshake said is needed beside the keys"},
		{t.HelloLostConns, " of TLS 1.2 whose ServerHello was not captured: it is needed beside the keys"},
		{t.OldConns, " of TLS 1.1 or older, which is not opened"},
		{t.UnsupportedConns, " of a version or cipher suite that is not opened: " + counts(t.Unsupported, 0)},
		{t.UnverifiedConns, " of which nothing verifies: damaged, or other keys than these"},
	} {
		if rare.n > 0 {
			fmt.Fprintf(w, "%s%s\n", cli.Quantity(rare.n, "TLS connection"), rare.what)
		}
	}
	if len(t.Unopened) > 0 {
		fmt.Fprintf(w, "not opened: %s\n", counts(t.Unopened, t.MoreUnopened))
	}
	if t.Refused > 0 {
		fmt.Fprintf(w, "%s of TLS not verified, or refused by the server\n", cli.Quantity(t.Refused, "byte"))
	}
	if o.keys != nil {
		if bad := o.keys.Stats().Bad; bad > 0 {
			fmt.Fprintf(w, "%s of the key log not understood\n", cli.Quantity(bad, "line"))
		}
	}
}

// keyAdvice says why a connection has no keys.
func (o *options) keyAdvice() string {
	var known decrypt.KeyLogStats
	if o.keys != nil {
		known = o.keys.Stats()
	}
	switch {
	case known.Secrets > 0:
		return fmt.Sprintf("%s known, not theirs", cli.Quantity(known.Secrets, "secret"))
	case len(o.keylogs) == 0:
		return "--keylog gives them"
	case known.Lines > 0:
		return fmt.Sprintf("the key log has %s, and no secret", cli.Quantity(known.Lines, "line"))
	}
	states := make([]string, len(o.keylogs))
	for i, name := range o.keylogs {
		states[i] = keyLogState(name)
	}
	return strings.Join(states, ", ")
}

// keyLogState says what is the matter with a key log of which no line came.
func keyLogState(name string) string {
	if name == "-" {
		return "the standard input has given none"
	}
	info, err := os.Stat(name)
	name = quoteArg(name)
	switch {
	case err != nil:
		return name + " is not there"
	case !info.Mode().IsRegular():
		return name + " has given none"
	case info.Size() == 0:
		return name + " is empty"
	}
	return name + " has no line"
}

// lateAdvice says why a connection that was joined late was not opened.
func (o *options) lateAdvice() string {
	if o.keys == nil || o.keys.Stats().Secrets == 0 {
		return o.keyAdvice() + ", where it is TLS 1.3"
	}
	return o.keyAdvice() + ", or it is TLS 1.2"
}

// counts lists how many connections have what name.
func counts(list []decrypt.NameCount, more uint64) string {
	var b strings.Builder
	add := func(name string, n uint64) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%d)", name, n)
	}
	for _, u := range list {
		add(cmp.Or(escape.String(u.Name), "no name"), u.Conns)
	}
	if more > 0 {
		add("others", more)
	}
	return b.String()
}

// appendTLS appends what a connection's TLS is, if it is in TLS.
func appendTLS(b []byte, t *websocket.TLS) []byte {
	if t == nil {
		return b
	}
	b = fmt.Appendf(b, "\t= TLS %s %s", t.Version, t.Cipher)
	if t.ServerName != "" {
		b = escape.Append(append(b, " server "...), t.ServerName)
	}
	if t.ALPN != "" {
		b = escape.Append(append(b, " protocol "...), t.ALPN)
	}
	return append(b, '\n')
}
