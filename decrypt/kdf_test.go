package decrypt

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"testing"
)

// TestLabel: keys are what crypto/hkdf derives, one behind the other from one secret.
func TestLabel(t *testing.T) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		secret := bytes.Repeat([]byte{7}, h.Size())
		x := newExpander(h, secret)
		for _, l := range []struct {
			label string
			n     int
		}{{"key", 32}, {"iv", 12}, {"traffic upd", h.Size()}, {"key", 16}} {
			info := append([]byte{0, byte(l.n), byte(6 + len(l.label))}, "tls13 "+l.label+"\x00"...)
			want, err := hkdf.Expand(h.New, secret, string(info), l.n)
			if got := x.label(l.label, l.n); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, %s: %x, not %x, %v", h, l.label, got, want, err)
			}
		}
	}
}
