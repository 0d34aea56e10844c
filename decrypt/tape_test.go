package decrypt

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/reassembly"
)

const (
	fromClient = reassembly.FromClient
	fromServer = reassembly.FromServer
)

// A tape is what passed between two ends.
type tape struct {
	mu     sync.Mutex
	pieces []piece
	sent   [2][]byte // by the applications
}

type piece struct {
	dir  reassembly.Direction
	data []byte
	gap  int64
}

// A recorder is an end of a connection whose writes go on a tape.
type recorder struct {
	net.Conn
	tape *tape
	dir  reassembly.Direction
}

func (r recorder) Write(b []byte) (int, error) {
	r.tape.mu.Lock()
	r.tape.pieces = append(r.tape.pieces, piece{dir: r.dir, data: bytes.Clone(b)})
	r.tape.mu.Unlock()
	return r.Conn.Write(b)
}

// record connects two ends whose bytes go on the returned tape.
func (tp *tape) connect(t testing.TB) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return recorder{a, tp, fromClient}, recorder{b, tp, fromServer}
}

// certificates of both kinds.
var certificates = sync.OnceValue(func() (list []tls.Certificate) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "chat.example"}, DNSNames: []string{"chat.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, key := range []interface{ Public() any }{publicEC{ec}, publicRSA{r}} {
		var private any = ec
		if _, ok := key.(publicRSA); ok {
			private = r
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), private)
		if err != nil {
			panic(err)
		}
		list = append(list, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private})
	}
	return list
})

type publicEC struct{ k *ecdsa.PrivateKey }

func (p publicEC) Public() any { return &p.k.PublicKey }

type publicRSA struct{ k *rsa.PrivateKey }

func (p publicRSA) Public() any { return &p.k.PublicKey }

// configs returns configurations that log to keys.
func configs(keys io.Writer) (client, server *tls.Config) {
	server = &tls.Config{Certificates: certificates(), NextProtos: []string{"h2", "http/1.1"}}
	client = &tls.Config{
		InsecureSkipVerify: true, ServerName: "chat.example", NextProtos: []string{"http/1.1"}, KeyLogWriter: keys,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	return client, server
}

// talk has two ends of crypto/tls talk: rounds times each sends some bytes, of
// sizes that a record has, or some, or a part.
func talk(t testing.TB, client, server *tls.Config, rounds int) *tape {
	t.Helper()
	tp := &tape{}
	a, b := tp.connect(t)
	sizes := []int{1, 100, 1400, 5000, 16384, 40000, 17}
	payload := func(i int, from byte) []byte {
		p := make([]byte, sizes[i%len(sizes)])
		for j := range p {
			p[j] = byte(i*7+j) ^ byte(j>>8) ^ from
		}
		return p
	}
	c, s := tls.Client(a, client), tls.Server(b, server)
	failed := make(chan error, 1)
	go func() {
		for i := range rounds {
			want := payload(i, 'c')
			got := make([]byte, len(want))
			if _, err := io.ReadFull(s, got); err != nil {
				failed <- err
				return
			}
			answer := payload(i, 's')
			tp.sent[fromServer] = append(tp.sent[fromServer], answer...)
			if _, err := s.Write(answer); err != nil {
				failed <- err
				return
			}
		}
		_, err := io.Copy(io.Discard, s)
		s.Close()
		failed <- err
	}()
	for i := range rounds {
		question := payload(i, 'c')
		tp.sent[fromClient] = append(tp.sent[fromClient], question...)
		if _, err := c.Write(question); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, len(payload(i, 's')))); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return tp
}

// A receiver is the Consumer of plaintext.
type receiver struct {
	got    [2][]byte
	gaps   [2]int64 // exact ones: got has so many zeros in their place
	lost   [2]int   // others
	closed bool
	info   Info
	late   bool
}

func (r *receiver) Data(dir reassembly.Direction, b []byte, _ time.Time) {
	r.got[dir] = append(r.got[dir], b...)
}

func (r *receiver) Gap(dir reassembly.Direction, n int64, _ time.Time) {
	r.gaps[dir] += n
	r.got[dir] = append(r.got[dir], make([]byte, n)...)
}

func (r *receiver) Lost(dir reassembly.Direction, _ int64, _ time.Time)    { r.lost[dir]++ }
func (r *receiver) Conflict(reassembly.Direction, int64, int64, time.Time) {}
func (r *receiver) Closed(reassembly.Reason, time.Time)                    { r.closed = true }
func (r *receiver) accept(c *Conn, midstream bool) reassembly.Consumer {
	r.info, r.late = c.Info(), midstream
	return r
}

// A spot is a Place that remembers whether it is ignored.
type spot struct{ ignored bool }

func (s *spot) SetConsumer(reassembly.Consumer) {}
func (s *spot) Ignore()                         { s.ignored = true }

// play gives the pieces of a tape to a new Conn.
func play(t testing.TB, o *Opener, pieces []piece, midstream bool) *receiver {
	t.Helper()
	r, place := &receiver{}, &spot{}
	c := o.Conn(place, midstream, r.accept)
	at := time.Unix(1e9, 0)
	for _, p := range pieces {
		if place.ignored {
			break
		}
		if p.gap > 0 {
			c.Gap(p.dir, p.gap, at)
		} else {
			c.Data(p.dir, p.data, at)
		}
		at = at.Add(time.Millisecond)
		balanced(t, o)
	}
	if !place.ignored {
		c.Closed(reassembly.FIN, at)
	}
	balanced(t, o)
	return r
}

// balanced checks the account of bytes.
func balanced(t testing.TB, o *Opener) {
	t.Helper()
	s := o.Stats()
	if sum := s.Opened + s.Overhead + s.NoKeys + s.Lost + s.Waiting + s.Refused + s.Unwanted; s.Bytes != sum {
		t.Fatalf("%d bytes are not %d: %+v", s.Bytes, sum, s)
	}
}

// cut cuts the pieces of a tape into segments of n bytes.
func (tp *tape) cut(n int) (list []piece) {
	for _, p := range tp.pieces {
		for b := p.data; len(b) > 0; {
			m := min(n, len(b))
			list = append(list, piece{dir: p.dir, data: b[:m]})
			b = b[m:]
		}
	}
	return list
}

// check compares what was received with what was sent.
func (r *receiver) check(t testing.TB, tp *tape) {
	t.Helper()
	for dir := range tp.sent {
		if !bytes.Equal(r.got[dir], tp.sent[dir]) {
			t.Errorf("%v: %d bytes, sent were %d", reassembly.Direction(dir), len(r.got[dir]), len(tp.sent[dir]))
		}
	}
}
