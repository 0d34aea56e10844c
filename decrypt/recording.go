package decrypt

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// A recording is what a KeyLog writes on: see [KeyLog.Record].
type recording struct {
	w     io.Writer
	used  map[random]int // connections that go on with a secret
	since uint32         // the entries from here on are in the present file
	again bool           // it is not the first one
}

// Record has every secret that is known, and each that is added later, written to
// w too, whole lines in each Write, as for the Decryption Secrets Blocks of a
// capture file. What w holds opens the connections: it is as secret as they are.
// Errors of w are its own to keep. w must not call the KeyLog.
func (k *KeyLog) Record(w io.Writer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.record = &recording{w: w, used: make(map[random]int)}
	k.secrets.write(w)
	_, _ = w.Write(k.older)
	k.older = nil
}

// RecordAgain says that what w of Record gets from now on is in another file: the
// traffic secrets of the connections that are being opened and go on are written to it
// again (TLS 1.3; with TLS 1.2 a file without the handshake cannot be opened), those of
// others once they are needed. It returns how many connections' secrets were left out
// because they are more than max bytes; 0 is no limit.
func (k *KeyLog) RecordAgain(max int) (left int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	rec := k.record
	if rec == nil {
		return 0
	}
	rec.again, rec.since = true, k.secrets.next
	var b []byte
	for r := range rec.used {
		before := len(b)
		if b = k.secrets.appendLines(b, &r, clientTraffic, serverTraffic); max > 0 && len(b) > max {
			b = b[:before]
			left++
		}
	}
	rec.write(b)
	return left
}

func (rec *recording) write(b []byte) {
	if len(b) > 0 {
		_, _ = rec.w.Write(b)
	}
}

// use says that a connection goes on with the secrets of a random. master is not empty
// where they were found by something else: a line is made of it, which opens the
// connection by itself.
func (k *KeyLog) use(r *random, master secret) (recorded bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	rec := k.record
	if rec == nil {
		return false
	}
	fresh := master.n > 0 && k.secrets.add(*r, masterSecret, master)
	number, known := k.secrets.index[*r]
	if known && (fresh || rec.again && rec.used[*r] == 0 && int32(number-rec.since) < 0) {
		rec.write(k.secrets.appendLines(nil, r))
	}
	rec.used[*r]++
	return true
}

// release is called once for each use, at the end of the connection.
func (k *KeyLog) release(r *random) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if rec := k.record; rec.used[*r] > 1 {
		rec.used[*r]--
	} else {
		delete(rec.used, *r)
	}
}

// recordLine is called with each line that was added.
func (k *KeyLog) recordLine(b []byte, kind lineKind) {
	b = bytes.TrimRight(b, " \t\r")
	switch {
	case k.record != nil:
		k.record.write(append(bytes.Clone(b), '\n'))
	case kind == lineSession && len(k.older)+len(b) < maxOlder:
		k.older = append(append(k.older, b...), '\n')
	}
}

// write writes the lines of all secrets, the oldest random first.
func (s *store) write(w io.Writer) {
	for n := s.first; n != s.next; n++ {
		_, _ = w.Write(s.appendLines(nil, &s.entry(n).random))
	}
}

var labelNames = func() (list [serverTraffic + 1]string) {
	for name, l := range labels {
		list[l] = name
	}
	return list
}()

// appendLines appends the lines of a random, if it is known: all, or those with some
// labels.
func (s *store) appendLines(b []byte, r *random, only ...label) []byte {
	number, known := s.index[*r]
	if !known {
		return b
	}
	for c := s.entry(number).cells; c != 0; c = s.cells[c].next {
		v := &s.cells[c]
		if len(only) > 0 && !slices.Contains(only, v.label) {
			continue
		}
		b = fmt.Appendf(b, "%s %x %x\n", labelNames[v.label], r[:], v.secret.bytes())
	}
	return b
}
