package main

import (
	"fmt"
	"io"
	"strings"

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
	if s.writer != nil {
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
		{t.KeylessConns, " without keys: --keylog gives them"},
		{t.LateConns, " joined late, without keys that fit"},
		{t.OldConns, " of TLS 1.1 or older, which is not opened"},
		{t.UnsupportedConns, " of a version or cipher suite that is not opened"},
	} {
		if rare.n > 0 {
			fmt.Fprintf(w, "%s%s\n", cli.Quantity(rare.n, "TLS connection"), rare.what)
		}
	}
	if names := serverNames(t); names != "" {
		fmt.Fprintf(w, "not opened: %s\n", names)
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

// serverNames lists the servers of connections that were not opened.
func serverNames(t *decrypt.Stats) string {
	var b strings.Builder
	add := func(name string, n uint64) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%d)", name, n)
	}
	for _, u := range t.Unopened {
		name := escape.String(u.Name)
		if name == "" {
			name = "no name"
		}
		add(name, u.Conns)
	}
	if t.MoreUnopened > 0 {
		add("others", t.MoreUnopened)
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
