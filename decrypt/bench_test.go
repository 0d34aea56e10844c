package decrypt

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// A sealer makes the records of one direction of TLS 1.3.
type sealer struct {
	aead cipher.AEAD
	iv   [nonceLen]byte
	seq  uint64
}

func newSealer(s *suite, traffic secret) *sealer {
	k := newKey13(s, traffic.bytes())
	return &sealer{aead: k.aead, iv: k.iv}
}

// seal appends a record with content of a type.
func (s *sealer) seal(b []byte, typ byte, content []byte) []byte {
	start := len(b)
	b = append(b, recordData, 3, 3)
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)+1+s.aead.Overhead()))
	nonce := s.iv
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.seq)
	s.seq++
	plain := append(append([]byte(nil), content...), typ)
	if c, ok := s.aead.(*ccmAEAD); ok {
		copy(c.counter[:], append([]byte{2}, nonce[:]...))
		sealed := make([]byte, len(plain))
		c.crypt(sealed, plain)
		c.authenticate(nonce[:], plain, b[start:start+headerLen])
		return append(append(b, sealed...), c.mac[:c.tag]...)
	}
	return s.aead.Seal(b, nonce[:], plain, b[start:start+headerLen])
}

// A sink counts what it is given.
type sink struct{ n int }

func (s *sink) Data(_ reassembly.Direction, b []byte, _ time.Time)     { s.n += len(b) }
func (s *sink) Gap(reassembly.Direction, int64, time.Time)             {}
func (s *sink) Conflict(reassembly.Direction, int64, int64, time.Time) {}
func (s *sink) Closed(reassembly.Reason, time.Time)                    {}
func (s *sink) accept(*Conn, bool) reassembly.Consumer                 { return s }

// ready returns a Conn whose server side has keys, and what seals for it.
func ready(k *suite, out *sink) (*Conn, *sealer) {
	traffic := newSecret(make([]byte, k.hash.Size()))
	c := NewOpener(NewKeyLog(), nil).Conn(&spot{}, false, out.accept)
	s := &c.sides[fromServer]
	s.phase = trafficPhase
	s.set(k, traffic)
	return c, newSealer(k, traffic)
}

// BenchmarkRecords opens records, each in a segment of its own, and beside that by
// crypto/cipher alone.
func BenchmarkRecords(b *testing.B) {
	k := suites()[0x1301]
	for _, size := range []int{100, 1400, 16000} {
		content := make([]byte, size)
		b.Run(fmt.Sprintf("conn/%d", size), func(b *testing.B) {
			var out sink
			c, seal := ready(k, &out)
			var records [64][]byte
			for i := range records {
				records[i] = seal.seal(nil, recordData, content)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i == len(records) {
					i, c.sides[fromServer].seq = 0, 0
				}
				c.Data(fromServer, records[i], time.Time{})
				i++
			}
			if out.n == 0 || out.n%size != 0 || c.opener.stats.Refused > 0 {
				b.Fatal("not opened")
			}
		})
		b.Run(fmt.Sprintf("cipher/%d", size), func(b *testing.B) {
			block, _ := aes.NewCipher(make([]byte, 16))
			aead, _ := cipher.NewGCM(block)
			nonce, aad := make([]byte, nonceLen), make([]byte, headerLen)
			sealed := aead.Seal(nil, nonce, append(content, recordData), aad)
			dst := make([]byte, 0, maxRecord)
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := aead.Open(dst, nonce, sealed, aad); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocs: a record costs no allocation, whole or in pieces, of any suite of TLS 1.3.
func TestAllocs(t *testing.T) {
	for _, id := range []uint16{0x1301, 0x1302, 0x1303, 0x1304} {
		for _, pieces := range []int{1, 2, 3} {
			var out sink
			c, seal := ready(suites()[id], &out)
			var records [200][]byte
			for i := range records {
				records[i] = seal.seal(nil, recordData, make([]byte, 3000))
			}
			i := 0
			next := func() {
				r := records[i]
				for p := range pieces {
					c.Data(fromServer, r[p*len(r)/pieces:(p+1)*len(r)/pieces], time.Time{})
				}
				i++
			}
			next()
			if n := testing.AllocsPerRun(100, next); n != 0 {
				t.Errorf("%s in %d pieces: %v allocations a record", suites()[id].name, pieces, n)
			}
			if out.n != i*3000 {
				t.Errorf("%d bytes of %d records", out.n, i)
			}
		}
	}
}

// BenchmarkFilter is what a try costs when a record number is looked for.
func BenchmarkFilter(b *testing.B) {
	k := suites()[0x1301]
	traffic := newSecret(make([]byte, 32))
	rec := newSealer(k, traffic).seal(nil, recordData, make([]byte, 1400))
	f := newFilter(newKey13(k, traffic.bytes()), traffic)
	var seq uint64
	for b.Loop() {
		seq++
		f.passes(rec[headerLen:], seq)
	}
}
