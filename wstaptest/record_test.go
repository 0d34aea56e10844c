package wstaptest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/testnet"
	"github.com/wstap/wstap/websocket"
	"github.com/wstap/wstap/wstaptest"
)

// echo returns what a client sends.
func echo(w http.ResponseWriter, r *http.Request) {
	c, err := coder.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		typ, b, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if c.Write(r.Context(), typ, append([]byte("echo "), b...)) != nil {
			return
		}
	}
}

// talk says n things to a server and hears their echoes.
func talk(t *testing.T, h *testnet.Host, url string, client *http.Client, n int) {
	t.Helper()
	ctx := context.Background()
	c, _, err := coder.Dial(ctx, url, &coder.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for i := range n {
		if err := c.Write(ctx, coder.MessageText, fmt.Appendf(nil, "hello %d", i)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(coder.StatusNormalClosure, "bye"); err != nil {
		t.Fatal(err)
	}
}

// TestRecord: everything that a client has heard before the end is recorded, each
// time, and what went to another port is not.
func TestRecord(t *testing.T) {
	h := testnet.New(t)
	serve := func(tls bool) (*httptest.Server, net.Addr) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(echo))
		s.Listener.Close()
		s.Listener = l
		t.Cleanup(s.Close)
		return s, l.Addr()
	}
	s, addr := serve(false)
	s.Start()
	other, _ := serve(false)
	other.Start()
	client := &http.Client{Transport: &http.Transport{DialContext: h.DialContext}}
	for range 10 {
		t.Run("plain", func(t *testing.T) {
			var rec *wstaptest.Recording
			h.Do(func() { rec = wstaptest.Record(t, nil, addr) })
			talk(t, h, s.URL, client, 5)
			talk(t, h, other.URL, client, 5)
			if got := rec.Wait(10); len(got) < 10 {
				t.Errorf("%d messages", len(got))
			}
			var said []string
			for _, m := range rec.Messages() {
				said = append(said, fmt.Sprint(m.From, " ", m.Opcode, " ", m.Text()))
			}
			if len(said) != 12 || said[0] != "client text hello 0" || said[9] != "server text echo hello 4" || said[10] != "client close \x03\xe8bye" {
				t.Errorf("%q", said)
			}
			events := rec.Events() // again
			if o, ok := events[0].(*websocket.Open); !ok || o.Conn.Server.String() != addr.String() || o.Conn.Midstream {
				t.Errorf("%+v", events[0])
			}
			if _, ok := events[len(events)-1].(*websocket.End); !ok || len(events) != 14 {
				t.Errorf("%d events, the last is %+v", len(events), events[len(events)-1])
			}
		})
	}

	keys := decrypt.NewKeyLog()
	s, addr = serve(true)
	s.StartTLS()
	s.TLS.KeyLogWriter = keys
	transport := s.Client().Transport.(*http.Transport)
	transport.DialContext = h.DialContext
	transport.TLSClientConfig.KeyLogWriter = keys
	var rec *wstaptest.Recording
	h.Do(func() { rec = wstaptest.Record(t, &websocket.Config{Keys: keys}) })
	talk(t, h, s.URL, s.Client(), 3)
	if got := rec.Messages(); len(got) != 8 || got[5].Text() != "echo hello 2" || got[0].Conn.TLS == nil {
		t.Errorf("TLS: %d messages", len(got))
	}
}

// A judge is a test that is judged.
type judge struct {
	testing.TB
	skipped, failed string
}

func (j *judge) Skip(args ...any)                  { j.skipped = fmt.Sprintln(args...); panic(j) }
func (j *judge) Fatal(args ...any)                 { j.failed = fmt.Sprintln(args...); panic(j) }
func (j *judge) Fatalf(format string, args ...any) { j.failed = fmt.Sprintf(format, args...); panic(j) }

func (j *judge) run(f func()) {
	defer func() {
		if r := recover(); r != nil && r != j {
			panic(r)
		}
	}()
	f()
}

// TestRemedy: where capturing is impossible the test is skipped, or fails if that was
// asked for, and says what to do, but not again what capture says.
func TestRemedy(t *testing.T) {
	for _, c := range []struct {
		err  error
		says string
	}{{os.ErrPermission, "-exec sudo"}, {fmt.Errorf("capture: %w", errors.ErrUnsupported), "Linux"}, {net.ErrClosed, "closed"}} {
		t.Setenv(wstaptest.RequireEnv, "0")
		j := &judge{TB: t}
		j.run(func() { wstaptest.Unavailable(j, c.err) })
		if !strings.Contains(j.skipped, c.says) || strings.Contains(j.skipped, "  ") || strings.Contains(j.skipped, "setcap") || strings.Contains(j.skipped, "as root") || j.failed != "" {
			t.Errorf("%v: skipped %q, failed %q", c.err, j.skipped, j.failed)
		}
		t.Setenv(wstaptest.RequireEnv, "1")
		j = &judge{TB: t}
		j.run(func() { wstaptest.Unavailable(j, c.err) })
		if !strings.Contains(j.failed, c.says) || j.skipped != "" {
			t.Errorf("%v: skipped %q, failed %q", c.err, j.skipped, j.failed)
		}
	}
	j := &judge{TB: t}
	j.run(func() { wstaptest.Record(j, nil, &net.UnixAddr{Name: "x", Net: "unix"}) })
	if !strings.Contains(j.failed, "unix") {
		t.Errorf("an address that is none: %q", j.failed)
	}
}
