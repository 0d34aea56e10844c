package peers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decrypt"
	wstap "github.com/wstap/wstap/websocket"
)

// certificate writes one for 127.0.0.1, and its key, to files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestNodeTLS: node's ws over TLS, by HTTP/1.1 and by HTTP/2 as browsers do it.
// Every message is seen as both ends report it.
func TestNodeTLS(t *testing.T) {
	dir := needWS(t)
	cert, key := certificate(t)
	for _, version := range []string{"1.2", "1.3"} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("TLS %s, HTTP/2 %v", version, h2), func(t *testing.T) { testNodeTLS(t, dir, cert, key, version, h2) })
		}
	}
}

func testNodeTLS(t *testing.T, dir, cert, key, version string, h2 bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log := filepath.Join(t.TempDir(), "keys.log")
	node := startNode(ctx, t, (*exec.Cmd).Start, []string{"--no-warnings", "--tls-keylog=" + log, "--tls-max-v" + version}, "wss.js", dir, cert, key)
	tape := newTape(ctx, t, fmt.Sprint("127.0.0.1:", node.port))
	_, port, _ := net.SplitHostPort(tape.addr)
	texts := []string{"hello", "再见", strings.Repeat("long ", 20000), "", "bye"}
	number, _ := strconv.Atoi(port)
	if err := json.NewEncoder(node.in).Encode(map[string]any{"port": number, "h2": h2, "texts": texts}); err != nil {
		t.Fatal(err)
	}
	received := node.received(t)
	if err := node.wait(); err != nil {
		t.Fatal(err)
	}
	keys, err := decrypt.OpenKeyLog(log)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	src, err := pcapfile.NewReader(tape.file(t, rand.New(rand.NewPCG(1, 2))), nil)
	if err != nil {
		t.Fatal(err)
	}
	tap := wstap.NewTap(src, &wstap.Config{Keys: keys})
	var got [2][]string
	var conn *wstap.Conn
	for m := range tap.Messages(ctx) {
		conn = m.Conn
		if m.Opcode == wstap.Text {
			got[m.From] = append(got[m.From], base64.StdEncoding.EncodeToString(m.Payload))
		}
	}
	for from, by := range map[wstap.Direction]string{wstap.FromClient: "server", wstap.FromServer: "client"} {
		if len(received[by]) != len(texts) || strings.Join(got[from], " ") != strings.Join(received[by], " ") {
			t.Errorf("%v: %d messages, received were %d", from, len(got[from]), len(received[by]))
		}
	}
	host, alpn, method := "127.0.0.1", "", "GET"
	if h2 {
		host, alpn, method = "chat.example", "h2", "CONNECT"
	}
	if conn == nil {
		t.Fatal("no connection")
	}
	if conn.TLS == nil || conn.TLS.Version != version || conn.Method != method || conn.TLS.ALPN != alpn ||
		conn.URL != fmt.Sprintf("wss://%s:%s/chat", host, port) || conn.TLS.ServerName != "chat.example" {
		t.Errorf("%s %s, %+v, %+v", conn.Method, conn.URL, conn.TLS, tap.Stats().TLS)
	}
}
