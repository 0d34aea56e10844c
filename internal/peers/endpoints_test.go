package peers

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	cwebsocket "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	wstap "github.com/wstap/wstap/websocket"
)

// tape records what passes a client's connection, as a TCP session.
type tape struct {
	mu sync.Mutex
	*packetgen.Conversation
}

func newTape() *tape {
	t := &tape{Conversation: packetgen.NewConversation()}
	t.Open()
	return t
}

// dial is a dial function for clients.
func (t *tape) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &tapedConn{c, t}, err
}

type tapedConn struct {
	net.Conn
	tape *tape
}

func (c *tapedConn) Write(b []byte) (int, error) {
	// Before the write: the answer must not come first.
	c.tape.record(packetgen.Client, b)
	return c.Conn.Write(b)
}

func (c *tapedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tape.record(packetgen.Server, b[:n])
	return n, err
}

func (t *tape) record(from packetgen.Side, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Send(from, bytes.Clone(b))
}

// message is what an endpoint sent, or a Tap saw.
type message struct {
	from    wstap.Direction
	binary  bool
	payload string
}

// play taps the recorded session.
func (t *tape) play(tb testing.TB) (conn *wstap.Conn, client, server []message) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Close(packetgen.Client)
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, decode.LinkEthernet, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range t.Packets {
		if err := w.WriteFrame(&capture.Frame{Data: p.Frame, Time: p.Time, Link: decode.LinkEthernet}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	src, err := pcapfile.NewReader(&file, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tap := wstap.NewTap(src, nil)
	for m := range tap.Messages(context.Background()) {
		conn = m.Conn
		if m.Truncated || m.Undecoded || m.Conflict || m.Midstream || m.BadMask {
			tb.Errorf("flags: %+v", m)
		}
		if m.Opcode != wstap.Text && m.Opcode != wstap.Binary {
			continue
		}
		got := message{m.From, m.Opcode == wstap.Binary, m.Text()}
		if m.From == wstap.FromClient {
			client = append(client, got)
		} else {
			server = append(server, got)
		}
	}
	if err := tap.Err(); err != nil {
		tb.Fatal(err)
	}
	return conn, client, server
}

// sends are the messages that a client sends; the server echoes them.
func sends() []message {
	rng := rand.New(rand.NewPCG(5, 6))
	var list []message
	for _, n := range []int{0, 1, 125, 126, 127, 1000, 65535, 65536, 200000} {
		list = append(list, message{wstap.FromClient, false, strings.Repeat("hi, all ! ", n/10+1)[:n]})
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		list = append(list, message{wstap.FromClient, true, string(b)})
	}
	for i := range 50 {
		list = append(list, message{wstap.FromClient, false, fmt.Sprintf(`{"type":"say","n":%d}`, i)})
	}
	return list
}

// A client talks to the server at url through dial and returns when it has its
// echoes.
type client func(ctx context.Context, url string, dial func(context.Context, string, string) (net.Conn, error), compress bool) error

var clients = map[string]client{"gorilla": gorillaClient, "gobwas": gobwasClient, "coder": coderClient}

func gorillaClient(ctx context.Context, url string, dial func(context.Context, string, string) (net.Conn, error), compress bool) error {
	d := websocket.Dialer{NetDialContext: dial, EnableCompression: compress}
	c, _, err := d.DialContext(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, m := range sends() {
		typ := websocket.TextMessage
		if m.binary {
			typ = websocket.BinaryMessage
		}
		if err := c.WriteMessage(typ, []byte(m.payload)); err != nil {
			return err
		}
		if _, b, err := c.ReadMessage(); err != nil || string(b) != m.payload {
			return fmt.Errorf("echo of %d bytes: %d, %v", len(m.payload), len(b), err)
		}
	}
	return nil
}

func gobwasClient(ctx context.Context, url string, dial func(context.Context, string, string) (net.Conn, error), compress bool) error {
	c, _, _, err := ws.Dialer{NetDial: dial}.Dial(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, m := range sends() {
		op := ws.OpText
		if m.binary {
			op = ws.OpBinary
		}
		if err := wsutil.WriteClientMessage(c, op, []byte(m.payload)); err != nil {
			return err
		}
		if b, _, err := wsutil.ReadServerData(c); err != nil || string(b) != m.payload {
			return fmt.Errorf("echo of %d bytes: %d, %v", len(m.payload), len(b), err)
		}
	}
	return nil
}

func coderClient(ctx context.Context, url string, dial func(context.Context, string, string) (net.Conn, error), compress bool) error {
	mode := cwebsocket.CompressionDisabled
	if compress {
		mode = cwebsocket.CompressionContextTakeover
	}
	c, _, err := cwebsocket.Dial(ctx, url, &cwebsocket.DialOptions{CompressionMode: mode,
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial}}})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for _, m := range sends() {
		typ := cwebsocket.MessageText
		if m.binary {
			typ = cwebsocket.MessageBinary
		}
		if err := c.Write(ctx, typ, []byte(m.payload)); err != nil {
			return err
		}
		if _, b, err := c.Read(ctx); err != nil || string(b) != m.payload {
			return fmt.Errorf("echo of %d bytes: %d, %v", len(m.payload), len(b), err)
		}
	}
	return nil
}

// servers echo. The bool says whether they compress when asked to.
var servers = map[string]func(w http.ResponseWriter, r *http.Request){
	"gorilla": func(w http.ResponseWriter, r *http.Request) {
		u := websocket.Upgrader{EnableCompression: true}
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			typ, b, err := c.ReadMessage()
			if err != nil || c.WriteMessage(typ, b) != nil {
				return
			}
		}
	},
	"gobwas": func(w http.ResponseWriter, r *http.Request) {
		e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
		c, _, _, err := ws.HTTPUpgrader{Negotiate: e.Negotiate}.Upgrade(r, w)
		if err != nil {
			return
		}
		defer c.Close()
		_, compress := e.Accepted()
		for {
			f, err := ws.ReadFrame(c) //lint:ignore SA1019 the peer is this test
			if err != nil || f.Header.OpCode.IsControl() {
				return
			}
			f = ws.UnmaskFrameInPlace(f)
			for !f.Header.Fin { // coder and gorilla split messages
				g, err := ws.ReadFrame(c) //lint:ignore SA1019 the peer is this test
				if err != nil {
					return
				}
				g = ws.UnmaskFrameInPlace(g)
				f.Payload = append(f.Payload, g.Payload...)
				f.Header.Fin = g.Header.Fin
			}
			f.Header.Length = int64(len(f.Payload))
			if compress && f.Header.Rsv1() {
				if f, err = wsflate.DecompressFrame(f); err != nil {
					return
				}
			}
			out := ws.NewFrame(f.Header.OpCode, true, f.Payload)
			if compress {
				if out, err = wsflate.CompressFrame(out); err != nil {
					return
				}
			}
			if ws.WriteFrame(c, out) != nil {
				return
			}
		}
	},
	"coder": func(w http.ResponseWriter, r *http.Request) {
		c, err := cwebsocket.Accept(w, r, &cwebsocket.AcceptOptions{CompressionMode: cwebsocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			typ, b, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), typ, b) != nil {
				return
			}
		}
	},
}

// Every message between the endpoints that people use is seen as it was sent.
func TestEndpoints(t *testing.T) {
	for serverName, server := range servers {
		srv := httptest.NewServer(http.HandlerFunc(server))
		defer srv.Close()
		for clientName, client := range clients {
			for _, compress := range []bool{false, true} {
				if compress && clientName == "gobwas" {
					continue // its dialer leaves compression to its user
				}
				t.Run(fmt.Sprint(clientName, " to ", serverName, " compressed ", compress), func(t *testing.T) {
					tape := newTape()
					url := "ws" + strings.TrimPrefix(srv.URL, "http") + "/echo"
					if err := client(t.Context(), url, tape.dial, compress); err != nil {
						t.Fatal(err)
					}
					conn, fromClient, fromServer := tape.play(t)
					if conn.Status != 101 || !conn.AcceptValid {
						t.Errorf("handshake %+v", conn)
					}
					if compress != strings.Contains(conn.Extensions, "permessage-deflate") {
						t.Errorf("extensions %q", conn.Extensions)
					}
					want := sends()
					if !slices.Equal(fromClient, want) {
						t.Errorf("%d messages of the client, not %d, or others", len(fromClient), len(want))
					}
					for i := range want {
						want[i].from = wstap.FromServer
					}
					if !slices.Equal(fromServer, want) {
						t.Errorf("%d messages of the server, not %d, or others", len(fromServer), len(want))
					}
				})
			}
		}
	}
}
