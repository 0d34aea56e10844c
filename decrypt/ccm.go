package decrypt

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// A ccmAEAD is AES-CCM as TLS uses it, with nonces of 12 bytes (RFC 3610, RFC
// 6655). It opens only, and not at once from several goroutines.
type ccmAEAD struct {
	block cipher.Block
	tag   int

	counter, stream, sum, mac [16]byte
}

var errOpen = errors.New("decrypt: a record that does not verify")

func (c *ccmAEAD) NonceSize() int { return nonceLen }
func (c *ccmAEAD) Overhead() int  { return c.tag }

// Seal implements cipher.AEAD.
func (c *ccmAEAD) Seal(_, _, _, _ []byte) []byte { panic("decrypt: nothing is sealed here") }

// Open implements cipher.AEAD.
func (c *ccmAEAD) Open(dst, nonce, sealed, aad []byte) ([]byte, error) {
	n := len(sealed) - c.tag
	if n < 0 {
		return nil, errOpen
	}
	plain := dst[len(dst) : len(dst)+n]
	c.counter[0] = 2 // the length of the length, less one
	copy(c.counter[1:], nonce)
	c.crypt(plain, sealed[:n])
	c.authenticate(nonce, plain, aad)
	if subtle.ConstantTimeCompare(c.mac[:c.tag], sealed[n:]) != 1 {
		clear(plain)
		return nil, errOpen
	}
	return dst[:len(dst)+n], nil
}

// crypt is counter mode from 1 on; counter 0 encrypts the tag.
func (c *ccmAEAD) crypt(dst, src []byte) {
	for i := uint32(1); len(src) > 0; i++ {
		putUint24(c.counter[13:], i)
		c.block.Encrypt(c.stream[:], c.counter[:])
		n := subtle.XORBytes(dst, src, c.stream[:])
		dst, src = dst[n:], src[n:]
	}
}

// authenticate computes the tag.
func (c *ccmAEAD) authenticate(nonce, plain, aad []byte) {
	c.sum = [16]byte{0: 1<<6 | byte(c.tag-2)/2<<3 | 2}
	copy(c.sum[1:], nonce)
	putUint24(c.sum[13:], uint32(len(plain)))
	c.block.Encrypt(c.sum[:], c.sum[:])
	first := [16]byte{}
	binary.BigEndian.PutUint16(first[:], uint16(len(aad)))
	copy(first[2:], aad) // at most 13 bytes
	c.chain(first[:])
	c.chain(plain)
	putUint24(c.counter[13:], 0)
	c.block.Encrypt(c.stream[:], c.counter[:])
	subtle.XORBytes(c.mac[:], c.sum[:], c.stream[:])
}

func (c *ccmAEAD) chain(b []byte) {
	for len(b) > 0 {
		n := subtle.XORBytes(c.sum[:], c.sum[:min(16, len(b))], b)
		b = b[n:]
		c.block.Encrypt(c.sum[:], c.sum[:])
	}
}

func putUint24(b []byte, n uint32) { b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n) }
