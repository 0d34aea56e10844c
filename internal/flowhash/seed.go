package flowhash

import (
	"math/bits"
	"math/rand/v2"
)

// A Seed makes hashes unpredictable: those who do not know it cannot find keys that
// have the same.
type Seed [4]uint64

// NewSeed returns a random Seed.
func NewSeed() (s Seed) {
	for i := range s {
		s[i] = rand.Uint64()
	}
	s[2] |= 1 // a factor: so that no bits of the other one are lost
	return s
}

// Ends hashes two ends of 64 bits, in any order, and what else tells connections
// apart.
func (s *Seed) Ends(a, b, more uint64) uint32 {
	return Mix(Fold(a^s[0], b^s[0])^more, s[2])
}

// Upper makes one number of the upper halves of two ends of 128 bits and of what else
// tells connections apart: with the lower halves it goes to Ends.
func (s *Seed) Upper(a, b, more uint64) uint64 { return Fold(a^s[1], b^s[1]) ^ more }

// End hashes one end of 128 bits, and what else tells ends apart. It costs less than
// Ends, and is for guesses: who may choose hi and more can make two that are equal.
func (s *Seed) End(hi, lo, more uint64) uint32 { return Mix(lo^s[0], hi^more^s[1]) }

// Mix hashes two numbers, one of which is secret.
func Mix(a, b uint64) uint32 { return uint32(Fold(a, b) >> 32) }

// Fold multiplies two numbers, one of which is secret, and folds the product.
func Fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
