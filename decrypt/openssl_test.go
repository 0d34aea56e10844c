package decrypt

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// openssl skips the test where there is none.
func openssl(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skipf("OpenSSL's endpoints were not tested: %v", err)
	}
}

// A sslServer is a process of openssl s_server.
type sslServer struct {
	addr string
	log  string // file
	in   io.Writer
	out  *syncBuffer
	end  func()
}

// servers counts them.
var servers atomic.Int32

// startServer runs s_server with further arguments.
func startServer(t *testing.T, dir string, args ...string) *sslServer {
	t.Helper()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := os.Stat(cert); err != nil {
		c := certificates()[1] // RSA
		der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
			if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	host := "127.0.0.1"
	if runtime.GOOS == "linux" { // where all of 127/8 is here: nobody else takes the port
		host = fmt.Sprintf("127.0.7.%d", servers.Add(1))
	}
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := &sslServer{addr: addr, log: filepath.Join(dir, "server.log"), out: new(syncBuffer)}
	args = append([]string{"s_server", "-accept", addr, "-cert", cert, "-key", key, "-keylogfile", s.log, "-quiet", "-no_ign_eof"}, args...)
	cmd := exec.Command("openssl", args...)
	s.in, err = cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = s.out, s.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	s.end = func() {
		if !ended {
			ended = true
			s.in.(io.Closer).Close()
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(s.end)
	return s
}

// eventually waits for what a program does, of which out is the output.
func eventually(t *testing.T, out *syncBuffer, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come: %s", out.String())
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// proxy passes one connection to addr on, and puts it on a tape. It returns the
// address to connect to, and a function that waits for the connection's end.
func (tp *tape) proxy(t *testing.T, addr string) (string, func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer l.Close()
		client, err := l.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		var server net.Conn
		for range 200 { // until it listens
			if server, err = net.Dial("tcp", addr); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			return
		}
		defer server.Close()
		up := make(chan struct{})
		go func() {
			defer close(up)
			io.Copy(recorder{server, tp, fromClient}, client)
			server.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(recorder{client, tp, fromServer}, server)
		client.SetReadDeadline(time.Now().Add(time.Second)) // it may have nothing to say and stay
		<-up
	}()
	return l.Addr().String(), func() {
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("the connection does not end")
		}
		l.Close()
	}
}

// sslTalk has s_client say lines to s_server, and the other way, and returns what
// passed. Lines "K", "k", "R" and "r" are commands of the two: they update keys and
// renegotiate.
func sslTalk(t *testing.T, lines []string, serverArgs, clientArgs []string) (*tape, *KeyLog) {
	t.Helper()
	dir := t.TempDir()
	s := startServer(t, dir, serverArgs...)
	tp := &tape{}
	addr, wait := tp.proxy(t, s.addr)
	log := filepath.Join(dir, "client.log")
	args := append([]string{"s_client", "-connect", addr, "-servername", "chat.example", "-keylogfile", log}, clientArgs...)
	cmd := exec.Command("openssl", args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out syncBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	eventually(t, &out, func() bool { return strings.Contains(out.String(), "Verify return code") })
	time.Sleep(100 * time.Millisecond)
	for _, l := range lines {
		from, text, _ := strings.Cut(l, ":")
		w, dir := in, fromClient
		if from == "s" {
			w, dir = s.in.(io.WriteCloser), fromServer
		}
		if _, err := io.WriteString(w, text+"\n"); err != nil {
			t.Fatalf("%v\ns_client: %s\ns_server: %s", err, out.String(), s.out.String())
		}
		if len(text) > 1 {
			tp.sent[dir] = append(tp.sent[dir], text+"\n"...)
		}
		time.Sleep(60 * time.Millisecond)
	}
	for _, heard := range []struct {
		dir reassembly.Direction
		by  *syncBuffer
	}{{fromClient, s.out}, {fromServer, &out}} {
		said := strings.Split(strings.TrimSuffix(string(tp.sent[heard.dir]), "\n"), "\n")
		for end := time.Now().Add(10 * time.Second); !strings.Contains(heard.by.String(), said[len(said)-1]) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	in.Close()
	s.end()
	wait()
	k := NewKeyLog()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	k.Write(b)
	return tp, k
}

// TestOpenSSL: the suites that crypto/tls lacks, updates of keys by either side,
// renegotiation, encrypt-then-MAC, records of odd sizes.
func TestOpenSSL(t *testing.T) {
	openssl(t)
	plain := []string{"c:hello", "s:good day", "c:" + strings.Repeat("long ", 2000), "s:" + strings.Repeat("longer ", 1000), "c:bye"}
	updates := []string{"c:one", "c:k", "c:two", "s:uno", "c:K", "c:three", "s:due", "c:k", "c:k", "c:four", "s:tre"}
	renegotiation := []string{"c:one", "s:uno", "c:R", "c:two", "s:due", "c:R", "c:three", "s:tre"}
	for _, tt := range []struct {
		name           string
		lines          []string
		server, client []string
		cipher         string
	}{
		{"1.3 AES-128-GCM", plain, nil, []string{"-ciphersuites", "TLS_AES_128_GCM_SHA256"}, "TLS_AES_128_GCM_SHA256"},
		{"1.3 AES-256-GCM", plain, nil, []string{"-ciphersuites", "TLS_AES_256_GCM_SHA384"}, "TLS_AES_256_GCM_SHA384"},
		{"1.3 ChaCha20", plain, nil, []string{"-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"}, "TLS_CHACHA20_POLY1305_SHA256"},
		{"1.3 CCM", plain, []string{"-ciphersuites", "TLS_AES_128_CCM_SHA256"}, []string{"-ciphersuites", "TLS_AES_128_CCM_SHA256"}, "TLS_AES_128_CCM_SHA256"},
		{"1.3 CCM-8", plain, []string{"-ciphersuites", "TLS_AES_128_CCM_8_SHA256", "-cipher", "ALL:@SECLEVEL=0"}, []string{"-ciphersuites", "TLS_AES_128_CCM_8_SHA256", "-cipher", "ALL:@SECLEVEL=0"}, "TLS_AES_128_CCM_8_SHA256"},
		{"1.3 HelloRetryRequest", plain, []string{"-groups", "P-384"}, []string{"-groups", "X25519:P-384"}, ""},
		{"1.3 padding", plain, []string{"-record_padding", "512"}, []string{"-record_padding", "700"}, ""},
		{"1.3 small records", plain, []string{"-max_send_frag", "512"}, []string{"-max_send_frag", "600"}, ""},
		{"1.3 key updates", updates, nil, nil, ""},
		{"1.2 renegotiation", renegotiation, []string{"-client_renegotiation", "-tls1_2"}, nil, ""},
		{"1.2 CBC SHA-1", plain, []string{"-tls1_2"}, []string{"-cipher", "AES128-SHA"}, "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{"1.2 CBC SHA-256", plain, []string{"-tls1_2"}, []string{"-cipher", "ECDHE-RSA-AES128-SHA256"}, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
		{"1.2 CBC SHA-384", plain, []string{"-tls1_2"}, []string{"-cipher", "ECDHE-RSA-AES256-SHA384"}, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
		{"1.2 CBC, MAC-then-encrypt", plain, []string{"-tls1_2", "-no_etm"}, []string{"-cipher", "ECDHE-RSA-AES256-SHA384"}, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
		{"1.2 CBC, renegotiation", renegotiation, []string{"-client_renegotiation", "-tls1_2"}, []string{"-cipher", "ECDHE-RSA-AES128-SHA"}, ""},
		{"1.2 CCM", plain, []string{"-tls1_2", "-cipher", "ALL:@SECLEVEL=0"}, []string{"-cipher", "AES128-CCM:@SECLEVEL=0"}, "TLS_RSA_WITH_AES_128_CCM"},
		{"1.2 CCM-8", plain, []string{"-tls1_2", "-cipher", "ALL:@SECLEVEL=0"}, []string{"-cipher", "AES256-CCM8:@SECLEVEL=0"}, "TLS_RSA_WITH_AES_256_CCM_8"},
		{"1.2 DHE", plain, []string{"-tls1_2"}, []string{"-cipher", "DHE-RSA-AES256-GCM-SHA384"}, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
		{"1.2 ChaCha20", plain, []string{"-tls1_2"}, []string{"-cipher", "ECDHE-RSA-CHACHA20-POLY1305"}, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tp, keys := sslTalk(t, tt.lines, tt.server, tt.client)
			for _, size := range []int{1 << 16, 100, 3} {
				o := NewOpener(keys, nil)
				r := play(t, o, tp.cut(size), false)
				r.check(t, tp)
				if st := o.Stats(); st.NoKeys+st.Lost+st.Waiting+st.Refused != 0 {
					t.Errorf("%+v", st)
				}
				if r.info.Version != tt.name[:3] || tt.cipher != "" && r.info.Cipher != tt.cipher || r.info.ServerName != "chat.example" {
					t.Errorf("%+v", r.info)
				}
			}
			if tt.name == "1.3 key updates" {
				lateAndLossy(t, tp, keys)
			}
		})
	}
}

// lateAndLossy checks each record of a tape lost, one at a time: behind it all is
// opened, whatever keys were updated in it.
func lateAndLossy(t *testing.T, tp *tape, keys *KeyLog) {
	for i := range tp.pieces {
		if i < 4 { // the hellos
			continue
		}
		pieces := append([]piece(nil), tp.pieces...)
		pieces[i] = piece{dir: pieces[i].dir, gap: int64(len(pieces[i].data))}
		o := NewOpener(keys, nil)
		r := play(t, o, pieces, false)
		for dir := range tp.sent {
			missing := len(tp.sent[dir]) - len(r.got[dir])
			if reassembly.Direction(dir) != pieces[i].dir && missing != 0 || missing > len(tp.pieces[i].data) {
				t.Errorf("without piece %d, of %v: %d bytes of %v missing, %+v", i, pieces[i].dir, missing, reassembly.Direction(dir), o.Stats())
			}
			if !bytes.HasSuffix(tp.sent[dir], r.got[dir][max(0, len(r.got[dir])-4):]) && i < len(tp.pieces)-6 {
				t.Errorf("without piece %d, of %v: ends with %q", i, pieces[i].dir, r.got[dir])
			}
		}
	}
}

// A syncBuffer may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestPremaster: the old RSA line, which is all that some logs have.
func TestPremaster(t *testing.T) {
	openssl(t)
	tp, _ := sslTalk(t, []string{"c:hello", "s:good day"}, []string{"-tls1_2"}, []string{"-cipher", "AES128-GCM-SHA256"})
	var encrypted []byte
	var m messages
	for _, p := range tp.pieces {
		for b := p.data; p.dir == fromClient && len(b) >= headerLen && encrypted == nil; b = b[headerLen+bodyLen(b):] {
			if b[0] != recordHandshake {
				continue
			}
			for rest := b[headerLen : headerLen+bodyLen(b)]; len(rest) > 0; {
				var typ byte
				var body []byte
				var whole bool
				if rest, typ, body, whole = m.next(rest); whole && typ == typeClientKeyExchange {
					encrypted = bytes.Clone(body[2:])
				}
			}
		}
	}
	//lint:ignore SA1019 what TLS_RSA does
	pre, err := rsa.DecryptPKCS1v15(nil, certificates()[1].PrivateKey.(*rsa.PrivateKey), encrypted)
	if err != nil {
		t.Fatal(err)
	}
	keys := NewKeyLog()
	fmt.Fprintf(keys, "RSA %x %x\n", encrypted[:8], pre)
	for _, size := range []int{1460, 10} {
		o := NewOpener(keys, nil)
		r := play(t, o, tp.cut(size), false)
		if r.check(t, tp); r.info.Version != "1.2" {
			t.Errorf("%+v, %+v", r.info, o.Stats())
		}
	}
}
