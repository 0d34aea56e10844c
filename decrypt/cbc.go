package decrypt

import (
	"crypto/cipher"
	"crypto/subtle"
	"hash"
)

// A cbc opens the records of TLS 1.2's block ciphers (RFC 5246, section 6.2.3.2):
//
//	IV, encrypted(content, MAC, padding)     MAC-then-encrypt
//	IV, encrypted(content, padding), MAC     encrypt-then-MAC, RFC 7366
//
// How long that takes depends on the contents: nobody who could learn from it is
// answered.
type cbc struct {
	size     int // of a block
	mode     cbcMode
	mac      hash.Hash
	sum      []byte
	macFirst bool
}

type cbcMode interface {
	cipher.BlockMode
	SetIV([]byte)
}

func newCBC(block cipher.Block) *cbc {
	n := block.BlockSize()
	return &cbc{size: n, mode: cipher.NewCBCDecrypter(block, make([]byte, n)).(cbcMode)}
}

func (c *cbc) open(x *scratch, dst, head, body []byte, seq uint64) ([]byte, bool) {
	sum := c.mac.Size()
	if !c.macFirst {
		n := len(body) - sum
		if n < 2*c.size || !c.verify(x, head, body[:n], body[n:], seq) {
			return nil, false
		}
		body = body[:n]
	}
	if len(body) < 2*c.size || len(body)%c.size != 0 {
		return nil, false
	}
	if dst == nil {
		dst = body[c.size:]
	}
	plain := dst[:len(body)-c.size]
	c.mode.SetIV(body[:c.size])
	c.mode.CryptBlocks(plain, body[c.size:])
	pad := int(plain[len(plain)-1])
	n := len(plain) - 1 - pad
	if n < 0 {
		return nil, false
	}
	for _, b := range plain[n:] {
		if int(b) != pad {
			return nil, false
		}
	}
	if !c.macFirst {
		return plain[:n], true
	}
	n -= sum
	if n < 0 || !c.verify(x, head, plain[:n], plain[n:n+sum], seq) {
		return nil, false
	}
	return plain[:n], true
}

// verify checks the MAC of b.
func (c *cbc) verify(x *scratch, head, b, mac []byte, seq uint64) bool {
	pseudoHeader(x, head, seq, len(b))
	c.mac.Reset()
	c.mac.Write(x.aad[:])
	c.mac.Write(b)
	c.sum = c.mac.Sum(c.sum[:0])
	return subtle.ConstantTimeCompare(c.sum, mac) == 1
}
