package decrypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	headerLen   = 5 // type(1) version(2) length(2)
	nonceLen    = 12
	explicitLen = 8 // of the nonce, in each record of GCM and CCM in TLS 1.2

	maxPlain  = 1 << 14
	maxRecord = maxPlain + 2048 // body; 256 in TLS 1.3
)

// A key opens the records of one direction as long as it is not changed.
type key struct {
	suite *suite
	aead  cipher.AEAD // nil: cbc
	iv    [nonceLen]byte
	cbc   *cbc
}

// scratch is what opening a record needs beside the key. There is one for all
// connections of a goroutine, so that nothing is allocated.
type scratch struct {
	nonce [nonceLen]byte
	aad   [13]byte
}

// newAEAD makes the AEAD of a suite.
func newAEAD(s *suite, k []byte) cipher.AEAD {
	if s.bulk == chacha {
		aead, err := chacha20poly1305.New(k)
		if err != nil {
			panic(err) // a key of the wrong length: never
		}
		return aead
	}
	block := newAES(k)
	if s.bulk == ccm {
		return &ccmAEAD{block: block, tag: s.tag}
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // not a block of 16 bytes: never
	}
	return aead
}

func newAES(k []byte) cipher.Block {
	block, err := aes.NewCipher(k)
	if err != nil {
		panic(err) // a key of the wrong length: never
	}
	return block
}

// newKey13 makes the key of a traffic secret (RFC 8446, section 7.3).
func newKey13(s *suite, traffic []byte) *key {
	x := newExpander(s.hash, traffic)
	k := &key{suite: s, aead: newAEAD(s, x.label("key", s.key))}
	copy(k.iv[:], x.label("iv", nonceLen))
	return k
}

// newKeys12 makes the keys of both directions (RFC 5246, section 6.3).
func newKeys12(s *suite, master []byte, client, server *random, etm bool) (keys [2]*key) {
	macLen, ivLen := 0, 4
	switch s.bulk {
	case cbcAES, cbc3DES:
		macLen, ivLen = s.mac.Size(), 0
	case chacha:
		ivLen = nonceLen
	}
	block := make([]byte, 2*(macLen+s.key+ivLen))
	prf(s.hash, block, master, "key expansion", server[:], client[:])
	next := func(n int) []byte {
		b := block[:n]
		block = block[n:]
		return b
	}
	macs := [2][]byte{next(macLen), next(macLen)}
	for i, b := range [2][]byte{next(s.key), next(s.key)} {
		k := &key{suite: s}
		switch s.bulk {
		case cbcAES:
			k.cbc = newCBC(newAES(b))
		case cbc3DES:
			c, err := des.NewTripleDESCipher(b)
			if err != nil {
				panic(err) // a key of the wrong length: never
			}
			k.cbc = newCBC(c)
		default:
			k.aead = newAEAD(s, b)
		}
		if k.cbc != nil {
			k.cbc.mac = hmac.New(s.mac.New, macs[i])
			k.cbc.macFirst = !etm
		}
		keys[i] = k
	}
	for _, k := range keys {
		copy(k.iv[:], next(ivLen))
	}
	return keys
}

// open opens the body of record number seq, whose header is head, into dst, which
// must not overlap and has room for it; nil means in place, which destroys a body that
// does not verify. In TLS 1.3 the content and its type are still padded.
func (k *key) open(x *scratch, dst, head, body []byte, seq uint64) (plain []byte, ok bool) {
	if k.cbc != nil {
		return k.cbc.open(x, dst, head, body, seq)
	}
	nonce, aad := k.nonce(x, body, seq), x.aad[:]
	tag := k.suite.tag
	switch {
	case k.suite.tls13:
		aad = aad[:copy(aad, head)]
	default:
		if k.suite.bulk != chacha {
			if len(body) < explicitLen {
				return nil, false
			}
			body = body[explicitLen:]
		}
		pseudoHeader(x, head, seq, len(body)-tag)
	}
	if len(body) < tag {
		return nil, false
	}
	if dst == nil {
		dst = body
	}
	plain, err := k.aead.Open(dst[:0], nonce, body, aad)
	return plain, err == nil
}

// nonce fills in the nonce of a record.
func (k *key) nonce(x *scratch, body []byte, seq uint64) []byte {
	x.nonce = k.iv
	if !k.suite.tls13 && k.suite.bulk != chacha {
		copy(x.nonce[4:], body)
		return x.nonce[:]
	}
	binary.BigEndian.PutUint64(x.nonce[4:], binary.BigEndian.Uint64(x.nonce[4:])^seq)
	return x.nonce[:]
}

// pseudoHeader fills in what a MAC of TLS 1.2 covers besides n bytes of content.
func pseudoHeader(x *scratch, head []byte, seq uint64, n int) {
	binary.BigEndian.PutUint64(x.aad[:], seq)
	copy(x.aad[8:], head[:3])
	binary.BigEndian.PutUint16(x.aad[11:], uint16(n))
}
