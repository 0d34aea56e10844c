package peers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	wstap "github.com/wstap/wstap/websocket"
)

// closeCode is how every client closes, with the reason "done".
const closeCode = 4000

// A message is what a client sends. The server sends it back.
type message struct {
	binary  bool
	payload []byte
}

// pieces are the parts that a message is written in, where a library can. What
// it cuts is told by the length, so that an echo comes in pieces as well.
func (m message) pieces() [][]byte {
	n := len(m.payload)
	if n == 0 || n%1000 != 0 {
		return [][]byte{m.payload}
	}
	return [][]byte{m.payload[:1], m.payload[1 : n/2], m.payload[n/2:]}
}

// text and random are payloads of n bytes.
func text(n int) []byte {
	return bytes.Repeat([]byte("hi, all ! "), n/10+1)[:n]
}

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// script is what every client sends.
func script() []message {
	rng := rand.New(rand.NewPCG(5, 6))
	var list []message
	for _, n := range []int{0, 1, 125, 126, 127, 4000, 65535, 65536} {
		list = append(list, message{false, text(n)}, message{true, random(rng, n)})
	}
	// Cut within a character.
	list = append(list, message{false, bytes.Repeat([]byte("☃𝄞é."), 200)})
	for i := range 10 {
		list = append(list, message{false, fmt.Appendf(nil, `{"type":"say","text":"hi, all !","n":%d}`, i)})
	}
	// What was said before the longest look back.
	return append(list, message{false, text(4000)}, message{true, random(rng, 300)}, message{true, slices.Repeat(random(rng, 20000), 3)})
}

// A report is what an endpoint received.
type report struct {
	Extensions string // as the client was answered
	Messages   []sum
	Pings      []string
	Status     int // status code
	Error      string
}

type sum struct {
	Binary bool
	Length int
	Sum    string // SHA-256
}

func (r *report) add(binary bool, payload []byte) {
	h := sha256.Sum256(payload)
	r.Messages = append(r.Messages, sum{binary, len(payload), hex.EncodeToString(h[:])})
}

func (r *report) onPing(_ context.Context, payload []byte) bool {
	r.Pings = append(r.Pings, string(payload))
	return true
}

// A client sends the script to the server at url, a message each time it has the
// last one's echo, pings before the third, and closes.
type client func(ctx context.Context, url string, script []message) (report, error)

// A handler serves one connection: it pings before the second message's echo.
type handler func(w http.ResponseWriter, r *http.Request) (report, error)

// A server reports on one connection at a time.
type server struct {
	addr, path string
	report     func(context.Context) (report, error)
}

// serve runs a handler until the test ends.
func serve(t *testing.T, h handler) server {
	type result struct {
		r   report
		err error
	}
	results := make(chan result, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r, err := h(w, req)
		results <- result{r, err}
	}))
	t.Cleanup(srv.Close)
	return server{addr: srv.Listener.Addr().String(), path: "/echo", report: func(ctx context.Context) (report, error) {
		select {
		case r := <-results:
			return r.r, r.err
		case <-ctx.Done():
			return report{}, ctx.Err()
		}
	}}
}

// A peer is a library with a setting for compression, for both ends.
type peer struct {
	library, setting string
	compress         bool
	bits             int // ws: asks the server for windows of that many bits
	client           client
	server           func() server
}

func (p peer) String() string { return p.library + " " + p.setting }

// goPeers are the peers in Go with every setting they have. gorilla and gobwas
// have no context takeover, and no Go library has smaller windows.
func goPeers(t *testing.T) []peer {
	var peers []peer
	add := func(library, setting string, c client, h handler) {
		peers = append(peers, peer{library: library, setting: setting, compress: setting != "plain",
			client: c, server: func() server { return serve(t, h) }})
	}
	for _, s := range []struct {
		name      string
		mode      websocket.CompressionMode
		threshold int
	}{
		{"plain", websocket.CompressionDisabled, 0},
		{"takeover", websocket.CompressionContextTakeover, 0},
		{"takeover of all", websocket.CompressionContextTakeover, 1},
		{"no takeover", websocket.CompressionNoContextTakeover, 0},
		{"no takeover of all", websocket.CompressionNoContextTakeover, 1},
	} {
		add("coder", s.name, coderClient(s.mode, s.threshold), coderServer(s.mode, s.threshold))
	}
	add("gorilla", "plain", gorillaClient(false, false), gorillaServer(false, false))
	add("gorilla", "no takeover", gorillaClient(true, false), gorillaServer(true, false))
	add("gorilla", "mixed", gorillaClient(true, true), gorillaServer(true, true))
	add("gobwas", "plain", gobwasClient(false), gobwasServer(false))
	add("gobwas", "no takeover", gobwasClient(true), gobwasServer(true))
	return peers
}

// nodePeers are the settings of ws.
func nodePeers(t *testing.T, n *node) []peer {
	dir := t.TempDir()
	var peers []peer
	add := func(setting, deflate string, bits int) {
		mixed := setting == "mixed"
		peers = append(peers, peer{library: "ws", setting: setting, compress: deflate != "false", bits: bits,
			client: n.client(dir, deflate, mixed), server: func() server { return n.server(deflate, mixed) }})
	}
	add("plain", "false", 0)
	add("takeover", "true", 0)
	add("mixed", "true", 0)
	add("server no takeover", `{"serverNoContextTakeover":true}`, 0)
	add("client no takeover", `{"clientNoContextTakeover":true}`, 0)
	add("no takeover", `{"serverNoContextTakeover":true,"clientNoContextTakeover":true}`, 0)
	add("no takeover of all", `{"serverNoContextTakeover":true,"clientNoContextTakeover":true,"threshold":0}`, 0)
	for bits := 8; bits <= 15; bits++ {
		add(fmt.Sprint("windows ", bits, " and ", 23-bits), fmt.Sprintf(`{"serverMaxWindowBits":%d,"clientMaxWindowBits":%d}`, bits, 23-bits), bits)
	}
	return peers
}

// match tells whether two peers can talk, and whether they compress then.
func match(client, server peer) (talk, compress bool) {
	switch both := client.compress && server.compress; {
	case !both || client.bits == server.bits:
		return true, both
	case server.bits != 0:
		// ws refuses those who do not offer to shrink their window.
		return client.library == "ws" && client.bits == 0, true
	case server.library == "coder":
		return true, client.bits == 15 // it has no smaller windows, and says so
	case server.library == "gobwas":
		return true, false
	}
	return true, true
}

// Every message between the endpoints that people use is seen as they report it.
func TestEndpoints(t *testing.T) { testPairs(t, goPeers(t), goPeers(t)) }

// The same with the ws package of npm at one end or both.
func TestNodeEndpoints(t *testing.T) {
	n := startWS(t)
	goPeers, nodePeers := goPeers(t), nodePeers(t, n)
	testPairs(t, nodePeers, nodePeers)
	testPairs(t, goPeers, nodePeers)
	testPairs(t, nodePeers, goPeers)
}

func testPairs(t *testing.T, clients, servers []peer) {
	list := script()
	for _, s := range servers {
		server := s.server()
		for _, c := range clients {
			if talk, compress := match(c, s); talk {
				t.Run(fmt.Sprint(c, " to ", s), func(t *testing.T) { testPair(t, c.client, server, list, compress) })
			}
		}
	}
}

// Messages of 20 MB, in both directions.
func TestLongMessages(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	long := []message{{false, text(1000)}, {true, nil}, {false, text(20 << 20)}}
	t.Run("coder to gorilla", func(t *testing.T) {
		testPair(t, coderClient(websocket.CompressionNoContextTakeover, 0), serve(t, gorillaServer(true, false)), long, true)
	})
	long[2] = message{true, random(rng, 20<<20)}
	t.Run("gobwas to coder", func(t *testing.T) {
		testPair(t, gobwasClient(false), serve(t, coderServer(websocket.CompressionContextTakeover, 0)), long, false)
	})
	t.Run("gorilla to ws", func(t *testing.T) {
		testPair(t, gorillaClient(false, false), startWS(t).server("true", false), long, false)
	})
}

// testPair compares what both ends report with what a Tap sees.
func testPair(t *testing.T, client client, server server, list []message, compress bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tape := newTape(ctx, t, server.addr)
	atClient, err := client(ctx, "ws://"+tape.addr+server.path, list)
	if err != nil {
		t.Fatal("client:", err)
	}
	atServer, err := server.report(ctx)
	if err != nil {
		t.Fatal("server:", err)
	}
	seed := rand.Uint64()
	got := tape.play(t, rand.New(rand.NewPCG(seed, 0)))
	defer func() {
		if t.Failed() {
			t.Log("cut by seed", seed)
		}
	}()

	if !got.conn.AcceptValid || got.conn.Status != http.StatusSwitchingProtocols {
		t.Errorf("handshake %+v", got.conn)
	}
	spaceless := strings.NewReplacer(" ", "")
	if spaceless.Replace(got.conn.Extensions) != spaceless.Replace(atClient.Extensions) {
		t.Errorf("extensions %q, the client was told %q", got.conn.Extensions, atClient.Extensions)
	}
	if strings.HasPrefix(atClient.Extensions, "permessage-deflate") != compress {
		t.Errorf("extensions %q, compressed %v", atClient.Extensions, compress)
	}
	fromClient := got.sides[wstap.FromClient]
	for i, b := range fromClient.payloads {
		if i >= len(list) || fromClient.Messages[i].Binary != list[i].binary || !bytes.Equal(b, list[i].payload) {
			t.Errorf("message %d of %d of the client: %d bytes, or others", i, len(list), len(b))
		}
	}
	for from, received := range map[wstap.Direction]report{wstap.FromClient: atServer, wstap.FromServer: atClient} {
		sent := got.sides[from]
		if len(received.Messages) != len(list) {
			t.Errorf("%v: %d messages of %d arrived", from, len(received.Messages), len(list))
		}
		if !slices.Equal(sent.Messages, received.Messages) {
			t.Errorf("%v: %d messages, not the %d received", from, len(sent.Messages), len(received.Messages))
		}
		if !slices.Equal(sent.Pings, received.Pings) || len(sent.Pings) != 1 {
			t.Errorf("%v: pings %q, received %q", from, sent.Pings, received.Pings)
		}
		if sent.Status != closeCode || received.Status != closeCode {
			t.Errorf("%v: closed with %d, received %d", from, sent.Status, received.Status)
		}
		if sent.fragmented == 0 {
			t.Errorf("%v: no fragments", from)
		}
		if sent.compressed > 0 != compress {
			t.Errorf("%v: %d compressed messages, negotiated %v", from, sent.compressed, compress)
		}
	}
	if pongs := got.sides[wstap.FromServer].pongs; !slices.Equal(pongs, fromClient.Pings) {
		t.Errorf("pongs %q to pings %q", pongs, fromClient.Pings)
	}
	if fromClient.closing != "done" {
		t.Errorf("reason to close %q", fromClient.closing)
	}
}
