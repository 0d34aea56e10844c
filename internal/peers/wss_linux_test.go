package peers

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/testnet"
	wstap "github.com/wstap/wstap/websocket"
)

// wssTexts are what clients send, and servers send back.
var wssTexts = []string{"hello", "再见", strings.Repeat("long ", 20_000), "", "bye"}

// A liveTap taps the loopback of a host.
type liveTap struct {
	tap  *wstap.Tap
	msgs []*wstap.Message
	done chan struct{}
}

func tapLive(t *testing.T, h *testnet.Host, keys *decrypt.KeyLog) *liveTap {
	t.Helper()
	l, err := capture.Listen("lo", &capture.Config{Namespace: h.Path(), Filter: "tcp"})
	if err != nil {
		t.Fatal(err)
	}
	live := &liveTap{tap: wstap.NewTap(l, &wstap.Config{Keys: keys}), done: make(chan struct{})}
	go func() {
		defer close(live.done)
		for m := range live.tap.Messages(context.Background()) {
			live.msgs = append(live.msgs, m)
		}
	}()
	return live
}

// end waits for what a number of conversations have said, and returns the texts of
// each connection, by direction, in the order of their numbers.
func (l *liveTap) end(t *testing.T, conversations int) (conns []*wstap.Conn, texts [][2][]string) {
	t.Helper()
	want := conversations * 2 * (len(wssTexts) + 1)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if st := l.tap.Stats(); st.Messages >= uint64(want) {
			break
		}
	}
	l.tap.Stop()
	<-l.done
	slices.SortStableFunc(l.msgs, func(a, b *wstap.Message) int { return int(a.Conn.Number) - int(b.Conn.Number) })
	for _, m := range l.msgs {
		if len(conns) == 0 || conns[len(conns)-1] != m.Conn {
			conns, texts = append(conns, m.Conn), append(texts, [2][]string{})
		}
		if m.Truncated || m.Undecoded {
			t.Errorf("%v: a message of %d bytes is %+v", m.Conn, len(m.Payload), m)
		}
		if m.Opcode == wstap.Text {
			both := &texts[len(texts)-1]
			both[m.From] = append(both[m.From], string(m.Payload))
		}
	}
	st := l.tap.Stats()
	for _, a := range st.Accounts() {
		sum := uint64(0)
		for _, p := range a.Parts {
			sum += p.N
		}
		if sum != a.Total {
			t.Errorf("%d %s are %+v", a.Total, a.Name, a.Parts)
		}
	}
	return conns, texts
}

// TestNginx: nginx ends TLS and passes on. Its client has the secrets, and both legs
// carry what the ends received.
func TestNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skipf("wss behind nginx was not tested: %v", err)
	}
	h := testnet.New(t)
	keys := decrypt.NewKeyLog()
	var mu sync.Mutex
	var server []string // received
	backend, err := h.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(-1)
		for {
			typ, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			mu.Lock()
			server = append(server, string(b))
			mu.Unlock()
			if c.Write(r.Context(), typ, b) != nil {
				return
			}
		}
	})}
	go srv.Serve(backend)
	defer srv.Close()
	startNginx(t, h, fmt.Sprintf("proxy_pass http://%s; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header Host $http_host;", backend.Addr()))

	live := tapLive(t, h, keys)
	var client []string // received
	versions := []uint16{tls.VersionTLS12, tls.VersionTLS13}
	for _, version := range versions {
		cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "chat.example", KeyLogWriter: keys, MinVersion: version, MaxVersion: version}
		transport := &http.Transport{TLSClientConfig: cfg, DialContext: h.DialContext}
		c, _, err := websocket.Dial(t.Context(), "wss://127.0.0.1:443/chat", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: transport}, CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			t.Fatal(err)
		}
		c.SetReadLimit(-1)
		for _, s := range wssTexts {
			if err := c.Write(t.Context(), websocket.MessageText, []byte(s)); err != nil {
				t.Fatal(err)
			}
			_, b, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			client = append(client, string(b))
		}
		if err := c.Close(4000, "done"); err != nil {
			t.Fatal(err)
		}
		transport.CloseIdleConnections()
	}
	conns, texts := live.end(t, 2*len(versions))
	if len(conns) != 2*len(versions) {
		t.Fatalf("%d connections: %v, %+v", len(conns), conns, live.tap.Stats().TLS)
	}
	secure, legs := 0, 0
	for i, c := range conns {
		n := len(wssTexts)
		first := i / 2 * n
		if !slices.Equal(texts[i][wstap.FromClient], server[first:first+n]) || !slices.Equal(texts[i][wstap.FromServer], client[first:first+n]) {
			t.Errorf("%v: %d and %d messages, received were %d and %d", c, len(texts[i][0]), len(texts[i][1]), len(server), len(client))
		}
		if c.SameKey != 0 {
			legs++
		}
		if c.TLS != nil {
			want := map[int]string{0: "1.2", 1: "1.3"}[secure]
			if secure++; c.TLS.Version != want || c.TLS.ServerName != "chat.example" || c.URL != "wss://127.0.0.1:443/chat" {
				t.Errorf("%s, %+v", c.URL, c.TLS)
			}
		}
	}
	if secure != len(versions) || legs != len(versions) {
		t.Errorf("%d legs in TLS, %d known to be others' legs", secure, legs)
	}
}

// startNginx runs nginx on a host until the test ends: 127.0.0.1:443 does what location
// says.
func startNginx(t *testing.T, h *testnet.Host, location string) {
	t.Helper()
	cert, key := certificate(t)
	dir := t.TempDir()
	var temp strings.Builder
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s; ", what, filepath.Join(dir, what))
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off; master_process off; pid %s/pid; error_log stderr warn;\nevents {}\nhttp { access_log off; %s\nserver { listen 127.0.0.1:443 ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s; ssl_certificate_key %s; location / { %s } } }\n",
		dir, &temp, cert, key, location)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nginx", "-c", conf, "-p", dir)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	h.Do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := h.DialContext(t.Context(), "tcp", "127.0.0.1:443")
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nginx does not listen: %v", err)
		}
	}
}

// TestBrowser: Chromium, with node's ws over TLS by HTTP/1.1, compressed, and by HTTP/2.
// It writes the key log while it talks.
func TestBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("a browser was not tested: %v", err)
	}
	dir := needWS(t)
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) { testBrowser(t, chromium, dir, protocol) })
	}
}

func testBrowser(t *testing.T, chromium, dir, protocol string) {
	h := testnet.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cert, key := certificate(t)
	texts, err := json.Marshal(wssTexts)
	if err != nil {
		t.Fatal(err)
	}
	start := func(cmd *exec.Cmd) (err error) {
		h.Do(func() { err = cmd.Start() })
		return err
	}
	node := startNode(ctx, t, start, nil, "browser.js", dir, cert, key, protocol, string(texts))

	home := t.TempDir()
	log := filepath.Join(home, "keys.log")
	keys, err := decrypt.OpenKeyLog(log)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	live := tapLive(t, h, keys)
	url := "https://" + net.JoinHostPort("chat.example", fmt.Sprint(node.port)) + "/"
	browser := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-dev-shm-usage", "--ignore-certificate-errors",
		"--host-resolver-rules=MAP chat.example 127.0.0.1", "--user-data-dir="+home, url)
	browser.Env = append(os.Environ(), "SSLKEYLOGFILE="+log, "HOME="+home)
	if err := start(browser); err != nil {
		t.Fatal(err)
	}
	defer func() { browser.Process.Kill(); browser.Wait() }()
	received := map[string][]string{}
	for side, messages := range node.received(t) {
		for _, m := range messages {
			b, err := base64.StdEncoding.DecodeString(m)
			if err != nil {
				t.Fatal(err)
			}
			received[side] = append(received[side], string(b))
		}
	}
	conns, seen := live.end(t, 1)
	if len(conns) != 1 {
		t.Fatalf("%d connections: %v, %+v", len(conns), conns, live.tap.Stats().TLS)
	}
	if len(received["client"]) != len(wssTexts) || !slices.Equal(seen[0][wstap.FromClient], received["server"]) || !slices.Equal(seen[0][wstap.FromServer], received["client"]) {
		t.Errorf("%d and %d messages, received were %d and %d", len(seen[0][0]), len(seen[0][1]), len(received["server"]), len(received["client"]))
	}
	c := conns[0]
	wantMethod := map[string]string{"http/1.1": "GET", "h2": "CONNECT"}[protocol]
	if c.Method != wantMethod || c.TLS == nil || c.TLS.Version != "1.3" || c.TLS.ServerName != "chat.example" || c.URL != strings.Replace(url, "https", "wss", 1)+"chat" {
		t.Errorf("%s %s, %+v", c.Method, c.URL, c.TLS)
	}
}
