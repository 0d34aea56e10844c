package decrypt

import (
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
)

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
func expandLabel(h crypto.Hash, secret []byte, label string, n int) []byte {
	const prefix = "tls13 "
	info := make([]byte, 0, 4+len(prefix)+len(label))
	info = append(info, byte(n>>8), byte(n), byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, 0)
	out, err := hkdf.Expand(h.New, secret, string(info), n)
	if err != nil { // n is too long: never
		panic(err)
	}
	return out
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
