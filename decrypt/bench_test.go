package decrypt

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
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

// BenchmarkRecords opens records as a Conn and by crypto/cipher alone, turn by turn, and
// reports the least that a record took of each. Each record is in a segment of its own,
// or large ones in many.
func BenchmarkRecords(b *testing.B) {
	for _, id := range []uint16{0x1301, 0x1302, 0x1303, 0xc013, 0xc027} {
		for _, size := range []int{100, 1400, 16384} {
			s := suites()[id]
			b.Run(fmt.Sprintf("%s/%d", s.name, size), func(b *testing.B) { benchmarkRecords(b, s, size, 1<<16) })
		}
	}
	s := suites()[0x1301]
	b.Run(s.name+"/16384 in segments of 1400", func(b *testing.B) { benchmarkRecords(b, s, 16384, 1400) })
}

func benchmarkRecords(b *testing.B, k *suite, size, segment int) {
	var out sink
	var c *Conn
	var records [64][]byte
	var alone func(rec []byte, seq int) // opens it into a buffer
	content, buf := make([]byte, size), make([]byte, maxRecord)
	if k.tls13 {
		var seal *sealer
		c, seal = ready(k, &out)
		for i := range records {
			records[i] = seal.seal(nil, recordData, content)
		}
		nonce := seal.iv
		alone = func(rec []byte, seq int) {
			nonce[nonceLen-1] = seal.iv[nonceLen-1] ^ byte(seq)
			if _, err := seal.aead.Open(buf[:0], nonce[:], rec[headerLen:], rec[:headerLen]); err != nil {
				b.Fatal(err)
			}
		}
	} else {
		secret, iv := make([]byte, k.key), make([]byte, 16)
		cbc := newCBC(newAES(secret))
		cbc.mac, cbc.macFirst = hmac.New(k.mac.New, secret), true
		c, _ = ready(k, &out)
		c.sides[fromServer].phase, c.sides[fromServer].key = cipherPhase, &key{suite: k, cbc: cbc}
		mac := hmac.New(k.mac.New, secret)
		for i := range records {
			records[i] = sealCBC(newAES(secret), mac, i, content)
		}
		mode := cipher.NewCBCDecrypter(newAES(secret), iv).(cbcMode)
		sum := make([]byte, 0, mac.Size())
		alone = func(rec []byte, seq int) {
			mode.SetIV(rec[headerLen:][:16])
			mode.CryptBlocks(buf, rec[headerLen+16:])
			mac.Reset()
			mac.Write(macked(rec, seq, size))
			mac.Write(buf[:size])
			if !hmac.Equal(mac.Sum(sum), buf[size:][:mac.Size()]) {
				b.Fatal("no record")
			}
		}
	}
	b.ReportAllocs()
	conn, ciphers := time.Hour, time.Hour
	for b.Loop() {
		c.sides[fromServer].seq = 0
		start := time.Now()
		for _, rec := range records {
			for segment := range slices.Chunk(rec, segment) {
				c.Data(fromServer, segment, time.Time{})
			}
		}
		conn = min(conn, time.Since(start))
		start = time.Now()
		for i, rec := range records {
			alone(rec, i)
		}
		ciphers = min(ciphers, time.Since(start))
	}
	if out.n != b.N*len(records)*size {
		b.Fatalf("%d bytes of %d", out.n, b.N*len(records)*size)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(conn.Nanoseconds())/float64(len(records)), "ns/record")
	b.ReportMetric(float64(ciphers.Nanoseconds())/float64(len(records)), "ns/cipher")
	b.ReportMetric(float64(ciphers)/float64(conn), "cipher/record")
}

// sealCBC makes a record of TLS 1.2, MAC-then-encrypt.
func sealCBC(block cipher.Block, mac hash.Hash, seq int, content []byte) []byte {
	plain := bytes.Clone(content)
	rec := []byte{recordData, 3, 3, 0, 0}
	mac.Reset()
	mac.Write(macked(rec, seq, len(content)))
	mac.Write(content)
	plain = mac.Sum(plain)
	pad := 16 - len(plain)%16
	plain = append(plain, bytes.Repeat([]byte{byte(pad - 1)}, pad)...)
	rec = append(rec, make([]byte, 16)...)
	rec = append(rec, plain...)
	cipher.NewCBCEncrypter(block, rec[headerLen:][:16]).CryptBlocks(rec[headerLen+16:], plain)
	binary.BigEndian.PutUint16(rec[3:], uint16(len(rec)-headerLen))
	return rec
}

// macked is what a MAC covers besides the content.
func macked(rec []byte, seq, size int) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 13), uint64(seq))
	return binary.BigEndian.AppendUint16(append(b, rec[:3]...), uint16(size))
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
