package decrypt

import (
	"crypto"
	"crypto/hmac"
	"hash"
)

// An expander derives keys from a secret of TLS 1.3: it keeps what HMAC makes of the
// secret.
type expander struct{ mac hash.Hash }

func newExpander(h crypto.Hash, secret []byte) expander { return expander{hmac.New(h.New, secret)} }

// label is HKDF-Expand-Label with an empty context (RFC 8446, section 7.1). n is at most
// the size of the hash, so that one block of HKDF-Expand is enough (RFC 5869, section 2.3).
func (x expander) label(label string, n int) []byte {
	const prefix = "tls13 "
	info := make([]byte, 0, 64)
	info = append(info, byte(n>>8), byte(n), byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, 0, 1) // no context, the first block
	x.mac.Reset()
	x.mac.Write(info)
	return x.mac.Sum(info[:0])[:n]
}

// prf fills out with the PRF of TLS 1.2 (RFC 5246, section 5).
func prf(h crypto.Hash, out, secret []byte, label string, seeds ...[]byte) {
	mac := hmac.New(h.New, secret)
	seed := func() {
		mac.Write([]byte(label))
		for _, s := range seeds {
			mac.Write(s)
		}
	}
	seed()
	a := mac.Sum(nil)
	for len(out) > 0 {
		mac.Reset()
		mac.Write(a)
		seed()
		out = out[copy(out, mac.Sum(nil)):]
		mac.Reset()
		mac.Write(a)
		a = mac.Sum(nil)
	}
}
