package websocket

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// A wire is what passed on a real TLS connection, as its client saw it.
type wire struct {
	mu     sync.Mutex
	pieces []wirePiece
	sent   [2][]sent
	ending int          // pieces behind the last message
	log    bytes.Buffer // the key log
}

type wirePiece struct {
	from Direction
	data []byte
}

func (w *wire) add(from Direction, b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pieces = append(w.pieces, wirePiece{from, bytes.Clone(b)})
}

// A wiretap is the client's end.
type wiretap struct {
	net.Conn
	wire *wire
}

func (c wiretap) Write(b []byte) (int, error) {
	c.wire.add(FromClient, b)
	return c.Conn.Write(b)
}

func (c wiretap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.wire.add(FromServer, b[:n])
	}
	return n, err
}

// converseTLS has coder's client and server say n messages each over crypto/tls, as
// make makes them.
func converseTLS(t testing.TB, n int, change func(client, server *tls.Config), make func(i int) []byte) *wire {
	t.Helper()
	w := &wire{}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(rw, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			typ, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if c.Write(r.Context(), typ, append([]byte("echo "), b...)) != nil {
				return
			}
		}
	}))
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "chat.example", KeyLogWriter: &w.log, NextProtos: []string{"http/1.1"}}
	srv.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	if change != nil {
		change(client, srv.TLS)
	}
	srv.StartTLS()
	defer srv.Close()
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return tls.Client(wiretap{c, w}, client), err
	}}
	defer transport.CloseIdleConnections()
	c, _, err := coder.Dial(t.Context(), "wss"+srv.URL[len("https"):]+"/chat", &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for i := range n {
		b := make(i)
		if err := c.Write(t.Context(), coder.MessageText, b); err != nil {
			t.Fatal(err)
		}
		_, echo, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.sent[FromClient] = append(w.sent[FromClient], sent{Text, b})
		w.sent[FromServer] = append(w.sent[FromServer], sent{Text, echo})
	}
	w.mu.Lock()
	talked := len(w.pieces)
	w.mu.Unlock()
	if err := c.Close(4000, "done"); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.ending = len(w.pieces) - talked
	w.mu.Unlock()
	closing := []byte("\x0f\xa0done")
	w.sent[FromClient] = append(w.sent[FromClient], sent{Close, closing})
	w.sent[FromServer] = append(w.sent[FromServer], sent{Close, closing})
	return w
}

// chatLine makes messages of 60 to 400 bytes.
func chatLine(i int) []byte {
	return fmt.Appendf(nil, `{"type":"say","n":%d,"text":"%0*d"}`, i, 40+i*37%340, i)
}

// packets puts what passed into packets.
func (w *wire) packets(mss int) *packetgen.Conversation {
	c := packetgen.NewConversation()
	c.MSS = mss
	c.Open()
	for _, p := range w.pieces {
		c.Send(packetgen.Side(p.from), p.data)
	}
	c.Close(packetgen.Client)
	return c
}

// keyLog returns a new log of the connection's secrets.
func (w *wire) keyLog() *decrypt.KeyLog {
	k := decrypt.NewKeyLog()
	k.Write(w.log.Bytes())
	return k
}

// tapped is what a Tap gave.
type tapped struct {
	opens []*Conn
	whole int // messages, in order, that were sent
	all   int // messages
	gaps  int
	stats Stats
}

// tapTLS taps a source and checks each whole message against what was sent.
func tapTLS(t *testing.T, src capture.Source, cfg *Config, all [2][]sent) (got tapped) {
	t.Helper()
	tap := NewTap(src, cfg)
	var next [2]int
	for e, err := range tap.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch m := e.(type) {
		case *Open:
			got.opens = append(got.opens, m.Conn)
		case *Gap:
			got.gaps++
		case *Message:
			got.all++
			if m.Truncated {
				continue
			}
			i := next[m.From]
			for i < len(all[m.From]) && (all[m.From][i].op != m.Opcode || !bytes.Equal(all[m.From][i].payload, m.Payload)) {
				i++
			}
			if i == len(all[m.From]) {
				t.Errorf("was not sent, or not in this order: %s", describeMessage(m))
				continue
			}
			next[m.From] = i + 1
			got.whole++
		}
	}
	got.stats = tap.Stats()
	checkAccounts(t, "TLS", got.stats, true)
	return got
}

var tlsVersions = []struct {
	name   string
	change func(client, server *tls.Config)
}{
	{"1.3", nil},
	{"1.2 GCM", func(c, s *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
	{"1.2 ChaCha20", func(c, s *tls.Config) {
		c.MaxVersion = tls.VersionTLS12
		c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
	}},
	{"1.2 CBC", func(c, s *tls.Config) {
		c.MaxVersion = tls.VersionTLS12
		c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
		s.CipherSuites = c.CipherSuites
	}},
}

// TestTLS: all messages, whatever the segments.
func TestTLS(t *testing.T) {
	for _, v := range tlsVersions {
		t.Run(v.name, func(t *testing.T) {
			w := converseTLS(t, 50, v.change, chatLine)
			for _, mss := range []int{1460, 50} {
				got := tapTLS(t, source(w.packets(mss)), &Config{Keys: w.keyLog()}, w.sent)
				if want := len(w.sent[0]) + len(w.sent[1]); got.whole != want || got.gaps != 0 || len(got.opens) != 1 {
					t.Fatalf("%d of %d messages, %d gaps, %d connections", got.whole, want, got.gaps, len(got.opens))
				}
				c := got.opens[0]
				if c.TLS == nil || c.TLS.ServerName != "chat.example" || c.TLS.ALPN != "http/1.1" || c.TLS.Version != v.name[:3] || c.URL[:6] != "wss://" || !c.AcceptValid {
					t.Errorf("%+v, %+v", c, c.TLS)
				}
				if got.stats.Protocols[ProtocolWebSocket] != 1 {
					t.Errorf("%v", got.stats.Protocols)
				}
			}
		})
	}
}

// TestTLSWithoutKeys: connections are told by their servers' names.
func TestTLSWithoutKeys(t *testing.T) {
	w := converseTLS(t, 5, nil, chatLine)
	for _, keys := range []*decrypt.KeyLog{nil, decrypt.NewKeyLog()} {
		got := tapTLS(t, source(w.packets(1460)), &Config{Keys: keys}, w.sent)
		st := got.stats.TLS
		if got.all != 0 || st.KeylessConns != 1 || len(st.Unopened) != 1 || st.Unopened[0].Name != "chat.example" {
			t.Errorf("%d messages, %+v", got.all, st)
		}
		if got.stats.Protocols[ProtocolTLS] != 1 {
			t.Errorf("%v", got.stats.Protocols)
		}
	}
}

// inClear puts the same messages into packets without TLS.
func (w *wire) inClear() *packetgen.Conversation {
	c := packetgen.NewConversation()
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(response))
	for i := range w.sent[0] {
		for dir := range Direction(2) {
			m := w.sent[dir][i]
			c.Send(packetgen.Side(dir), testFrame(dir, 0x80|byte(m.op), m.payload))
		}
	}
	c.Close(packetgen.Client)
	return c
}

// TestTLSLoss: what is delivered of whole messages, beside the same loss in clear.
// The handshake, the first 12 packets in TLS and 7 in clear, is not lost.
func TestTLSLoss(t *testing.T) {
	for _, load := range []struct {
		name string
		n    int
		make func(int) []byte
	}{
		{"short", 1000, chatLine},
		{"mixed", 300, func(i int) []byte {
			return bytes.Repeat([]byte{'a' + byte(i%26)}, []int{1, 100, 1400, 5000, 20000}[i%5])
		}},
	} {
		for _, v := range tlsVersions {
			w := converseTLS(t, load.n, v.change, load.make)
			for _, rate := range []float64{0.001, 0.01, 0.05} {
				t.Run(fmt.Sprintf("%s/%s/%v", load.name, v.name, rate), func(t *testing.T) {
					total, whole, clear, gaps := 0, 0, 0, 0
					for seed := range testkit.Rounds[uint64](3, 1, 50) {
						s := source(w.packets(1460))
						lose(rand.New(rand.NewPCG(seed, 2)), s, rate, 12)
						got := tapTLS(t, s, &Config{Keys: w.keyLog(), Reassembly: &reassembly.Config{}}, w.sent)
						s = source(w.inClear())
						lose(rand.New(rand.NewPCG(seed, 2)), s, rate, 7)
						clear += tapTLS(t, s, &Config{Reassembly: &reassembly.Config{}}, w.sent).whole
						total += len(w.sent[0]) + len(w.sent[1])
						whole += got.whole
						gaps += got.gaps
					}
					share, shareClear := float64(whole)/float64(total), float64(clear)/float64(total)
					t.Logf("%.2f %% of %d messages whole, %.2f %% in clear, %d gaps", 100*share, total, 100*shareClear, gaps)
					if share < shareClear-rate-0.01 {
						t.Error("much less than in clear")
					}
				})
			}
		}
	}
}

// TestTLSLate: joined at every 100th packet.
func TestTLSLate(t *testing.T) {
	for _, v := range tlsVersions {
		w := converseTLS(t, 300, v.change, chatLine)
		packets := w.packets(1460).Packets
		for at := 100; at < len(packets)-100; at += 100 {
			c := packetgen.Conversation{Packets: packets[at:]}
			got := tapTLS(t, source(&c), &Config{Keys: w.keyLog()}, w.sent)
			left := 0 // messages that begin later, about
			for i := range packets {
				if i >= at && len(packets[i].TCP.Payload) > 0 {
					left++
				}
			}
			if v.name != "1.3" {
				if got.all != 0 || got.stats.TLS.LateConns+got.stats.TLS.Late12Conns != 1 {
					t.Errorf("%s from packet %d: %d messages, %+v", v.name, at, got.all, got.stats.TLS)
				}
				continue
			}
			if got.whole < left-4 {
				t.Errorf("from packet %d: %d messages of %d: %+v", at, got.whole, left, got.stats.TLS)
			}
			if len(got.opens) == 1 && (got.opens[0].TLS == nil || !got.opens[0].Midstream) {
				t.Errorf("%+v", got.opens[0])
			}
		}
	}
}

// TestTLSKeysLate: the key log comes 3 s after the first packets, live.
func TestTLSKeysLate(t *testing.T) {
	for _, v := range tlsVersions {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			w := converseTLS(t, 50, v.change, chatLine)
			keys := decrypt.NewKeyLog()
			src := newLiveSource()
			frames := source(w.packets(1460)).frames
			for _, f := range frames {
				src.frames <- f
			}
			tap := NewTap(src, &Config{Keys: keys})
			go func() { // no packet comes meanwhile, nor later
				time.Sleep(3 * time.Second)
				keys.Write(w.log.Bytes())
			}()
			n := 0
			for m := range tap.Messages(t.Context()) {
				want := w.sent[m.From]
				if n/2 < len(want) && !bytes.Equal(m.Payload, want[n/2].payload) {
					t.Errorf("message %d: %s", n, describeMessage(m))
				}
				if n++; n == len(w.sent[0])+len(w.sent[1]) {
					tap.Stop()
				}
			}
			if want := len(w.sent[0]) + len(w.sent[1]); n != want {
				t.Errorf("%d messages of %d", n, want)
			}
			checkAccounts(t, v.name, tap.Stats(), true)
		})
	}
}

// A scriptSource does something before one of its frames.
type scriptSource struct {
	frameSource
	at int64
	do func()
}

func (s *scriptSource) Read(fs []capture.Frame) (int, error) {
	if s.n == s.at {
		s.do()
	}
	return s.frameSource.Read(fs[:1])
}

// TestTLSKeysTooLate: what waits for keys beyond the budget is a gap that says so; what
// is lost later is one that does not.
func TestTLSKeysTooLate(t *testing.T) {
	for i := range 2 * len(tlsVersions) {
		v, batches := tlsVersions[i/2], i%2 == 1
		w := converseTLS(t, 200, v.change, chatLine)
		keys := decrypt.NewKeyLog()
		src := &scriptSource{frameSource: *source(w.packets(1460)), do: func() { keys.Write(w.log.Bytes()) }}
		src.at = int64(len(src.frames) / 2)
		src.frames = slices.Delete(src.frames, len(src.frames)*3/4, len(src.frames)*3/4+1)
		tap := NewTap(src, &Config{Keys: keys, MaxWaiting: 32 << 10})
		var late [2]int
		others, whole := 0, 0
		take := func(e Event) {
			switch e := e.(type) {
			case *Gap:
				switch e.Reason {
				case LateKeys:
					late[e.From]++
				case "":
					others++
				default:
					t.Errorf("%+v", e)
				}
			case *Message:
				if !e.Truncated {
					whole++
				}
			}
		}
		if batches {
			for batch := range tap.Batches(t.Context()) {
				for _, e := range batch {
					take(e)
				}
			}
		} else {
			for e := range tap.Events(t.Context()) {
				take(e)
			}
		}
		if err := tap.Err(); err != nil {
			t.Error(err)
		}
		if late != [2]int{1, 1} || others != 1 || whole < 150 {
			t.Errorf("%s, batches %v: %v gaps for late keys, %d others, %d messages: %+v", v.name, batches, late, others, whole, tap.Stats().TLS)
		}
		checkAccounts(t, v.name, tap.Stats(), true)
	}
}

// TestTLSBehindFronts: TLS behind what proxies put before it, and behind a line that
// asks for it.
func TestTLSBehindFronts(t *testing.T) {
	w := converseTLS(t, 3, nil, chatLine)
	for _, f := range fronts {
		if f.name == "PROXY that is none" || f.name == "a page before" {
			continue // HTTP, or what looks like it, does not become TLS
		}
		for _, whole := range []bool{true, false} {
			r := newRecorder(&Config{Keys: w.keyLog()})
			n := 0
			turns := f.turns
			for _, p := range w.pieces {
				turns = append(turns[:len(turns):len(turns)], turn{p.from, string(p.data), 0})
			}
			for _, turn := range turns {
				for b := []byte(turn.data); len(b) > 0; {
					k := len(b)
					if !whole {
						k = min(k, 400)
					}
					r.data(turn.from, b[:k])
					n += k
					b = b[k:]
				}
			}
			r.c.Closed(reassembly.FIN, r.now)
			got := 0
			for _, m := range r.msgs {
				if got/2 < len(w.sent[m.From]) && bytes.Equal(m.Payload, w.sent[m.From][got/2].payload) {
					got++
				}
			}
			if got != len(w.sent[0])+len(w.sent[1]) || len(r.opens) != 1 || r.opens[0].TLS == nil {
				t.Errorf("%s, whole %v: %d messages, %q, %+v", f.name, whole, got, r.lines, r.p.opener.Stats())
			}
			r.balance(t, n)
		}
	}
}

// A slowSource begins when another one has come to its end.
type slowSource struct {
	frameSource
	ended chan struct{} // of the other one
}

func (s *slowSource) Read(fs []capture.Frame) (int, error) {
	select {
	case <-s.ended:
		time.Sleep(20 * time.Millisecond) // more would be needed if nobody waited
	case <-time.After(10 * time.Second):
	}
	return s.frameSource.Read(fs)
}

// A fastSource tells its end.
type fastSource struct {
	frameSource
	once  sync.Once
	ended chan struct{}
}

func (s *fastSource) Read(fs []capture.Frame) (int, error) {
	n, err := s.frameSource.Read(fs)
	if err != nil {
		s.once.Do(func() { close(s.ended) })
	}
	return n, err
}

// twoSources are shards.
type twoSources struct {
	frameSource
	shards []capture.Source
}

func (s *twoSources) Shards() []capture.Source { return s.shards }

// TestTLSResumedInShards: a session is resumed in a shard that comes to its end before
// the one where it began.
func TestTLSResumedInShards(t *testing.T) {
	cache := tls.NewLRUClientSessionCache(0)
	change := func(client, server *tls.Config) {
		client.MaxVersion = tls.VersionTLS12
		client.ClientSessionCache = cache
		server.SetSessionTicketKeys([][32]byte{{1}})
	}
	first, again := converseTLS(t, 3, change, chatLine), converseTLS(t, 3, change, chatLine)
	if again.log.Len() > 0 {
		t.Fatal("the session was not resumed")
	}
	ended := make(chan struct{})
	src := &twoSources{frameSource: frameSource{link: decode.LinkEthernet}}
	src.shards = []capture.Source{
		&fastSource{frameSource: *source(again.packets(1460)), ended: ended},
		&slowSource{frameSource: *source(first.packets(1460)), ended: ended},
	}
	tap := NewTap(src, &Config{Keys: first.keyLog()})
	if err := tap.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := len(first.sent[0]) + len(first.sent[1]) + len(again.sent[0]) + len(again.sent[1])
	if st := tap.Stats(); st.Messages != uint64(want) {
		t.Errorf("%d messages of %d, %+v", st.Messages, want, st.TLS)
	}
}
