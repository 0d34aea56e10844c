package decrypt

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestResumption: crypto/tls logs no line for a resumed connection of TLS 1.2; its
// ticket tells the master secret. The second connection may be seen first.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		keys := NewKeyLog()
		client, server := configs(keys)
		client.MaxVersion = version
		var tapes [3]*tape
		for i := range tapes {
			tapes[i] = talk(t, client, server, 5)
		}
		for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}} {
			log := NewKeyLog()
			var lines bytes.Buffer
			keys.Record(&lines)
			log.Write(lines.Bytes())
			o := NewOpener(log, nil)
			var got [3]*receiver
			for _, i := range order {
				got[i] = play(t, o, tapes[i].cut(1460), false)
			}
			o.Retry()
			for i, r := range got {
				if r.check(t, tapes[i]); !r.closed {
					t.Errorf("%x, order %v: connection %d is not closed", version, order, i)
				}
			}
			if st := o.Stats(); st.OpenedConns != 3 || st.Active != 0 || o.Waiting() {
				t.Errorf("%x: %+v", version, st)
			}
		}
	}
}

// TestSessionID: a session that is resumed by its id, where the log has only the
// line of the first connection, or an old line that names the session.
func TestSessionID(t *testing.T) {
	openssl(t)
	dir := t.TempDir()
	s := startServer(t, dir, "-tls1_2", "-no_ticket")
	session := filepath.Join(dir, "session")
	var tapes [2]*tape
	for i, args := range [][]string{{"-sess_out", session}, {"-sess_in", session}} {
		tp := &tape{}
		addr, wait := tp.proxy(t, s.addr)
		cmd := exec.Command("openssl", append([]string{"s_client", "-connect", addr, "-servername", "chat.example"}, args...)...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out syncBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, &out, func() bool { return strings.Contains(out.String(), "Verify return code") })
		if i == 1 && !strings.Contains(out.String(), "Reused") {
			t.Fatalf("not resumed: %s", out.String())
		}
		io.WriteString(in, "hello\n")
		tp.sent[fromClient] = []byte("hello\n")
		heard := i + 1
		eventually(t, s.out, func() bool { return strings.Count(s.out.String(), "hello") == heard })
		io.WriteString(in, "Q\n")
		in.Close()
		cmd.Wait()
		wait()
		tapes[i] = tp
	}
	b, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	var first string // the line of the first connection
	for l := range strings.Lines(string(b)) {
		if strings.HasPrefix(l, "CLIENT_RANDOM") && first == "" {
			first = l
		}
	}
	keys := NewKeyLog()
	io.WriteString(keys, first)
	o := NewOpener(keys, nil)
	for _, tp := range tapes {
		play(t, o, tp.cut(1460), false).check(t, tp)
	}

	hello := tapes[1].pieces[0].data
	id := hello[headerLen+4+2+32:]
	id = id[1 : 1+id[0]]
	keys = NewKeyLog()
	io.WriteString(keys, "RSA Session-ID:"+hexBytes(id)+" Master-Key:"+strings.Fields(first)[2]+"\n")
	play(t, NewOpener(keys, nil), tapes[1].cut(1460), false).check(t, tapes[1])
}

func hexBytes(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// TestEarlyData: 0-RTT data that is accepted is given on in its place, and that
// which is refused is not.
func TestEarlyData(t *testing.T) {
	openssl(t)
	dir := t.TempDir()
	early := filepath.Join(dir, "early")
	text := []byte(strings.Repeat("early ", 500) + "\n")
	if err := os.WriteFile(early, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, accept := range []string{"accepted", "refused", "refused by a HelloRetryRequest"} {
		t.Run(accept, func(t *testing.T) {
			dir := t.TempDir()
			s := startServer(t, dir, "-early_data", "-max_early_data", "16384", "-no_anti_replay", "-groups", "X25519:P-384")
			session, log := filepath.Join(dir, "session"), filepath.Join(dir, "client.log")
			run := func(addr string, wait func(), args ...string) {
				cmd := exec.Command("openssl", append([]string{"s_client", "-connect", addr, "-servername", "chat.example", "-keylogfile", log}, args...)...)
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				var out syncBuffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				ready := func() bool { return strings.Contains(out.String(), "Verify return code") }
				if args[0] == "-sess_out" { // written once there is a ticket
					ready = func() bool { return strings.Contains(out.String(), "Verify return code") && exists(args[1]) }
				}
				eventually(t, &out, ready)
				io.WriteString(in, "hello\n")
				eventually(t, s.out, func() bool { return strings.Contains(s.out.String(), "hello") })
				in.Close()
				time.Sleep(50 * time.Millisecond)
				cmd.Process.Kill()
				cmd.Wait()
				wait()
			}
			addr, wait := new(tape).proxy(t, s.addr)
			run(addr, wait, "-sess_out", session)
			args := []string{"-sess_in", session, "-early_data", early}
			switch accept {
			case "refused": // another server does not know the session
				s = startServer(t, dir, "-early_data", "-max_early_data", "16384", "-no_anti_replay")
			case "refused by a HelloRetryRequest":
				s = startServer(t, dir, "-early_data", "-max_early_data", "16384", "-no_anti_replay", "-groups", "P-384")
				args = append(args, "-groups", "X25519:P-384")
			}
			tp := &tape{}
			addr, wait = tp.proxy(t, s.addr)
			run(addr, wait, args...)
			s.end()
			if accept == "accepted" {
				tp.sent[fromClient] = append(tp.sent[fromClient], text...)
			}
			tp.sent[fromClient] = append(tp.sent[fromClient], "hello\n"...)
			b, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			keys := NewKeyLog()
			keys.Write(b)
			for _, size := range []int{1 << 16, 100, 7} {
				o := NewOpener(keys, nil)
				r := play(t, o, tp.cut(size), false)
				r.check(t, tp)
				if st := o.Stats(); (st.Refused > 0) != (accept != "accepted") || st.Lost+st.Waiting+st.NoKeys != 0 {
					t.Errorf("%+v", st)
				}
			}
			// The keys come last of all.
			late := NewKeyLog()
			o := NewOpener(late, nil)
			r := play(t, o, tp.cut(1460), false)
			late.Write(b)
			o.Retry()
			if r.check(t, tp); !r.closed {
				t.Error("not closed")
			}
			balanced(t, o)
		})
	}
}

// TestEncryptedHello: the log has the inner random, which nobody else can see.
func TestEncryptedHello(t *testing.T) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config := echConfig(key.PublicKey().Bytes(), "public.example")
	keys := NewKeyLog()
	client, server := configs(keys)
	other := talk(t, client, server, 1) // more to try
	server.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{{Config: config, PrivateKey: key.Bytes()}}
	client.EncryptedClientHelloConfigList = binary.BigEndian.AppendUint16(nil, uint16(len(config)))
	client.EncryptedClientHelloConfigList = append(client.EncryptedClientHelloConfigList, config...)
	client.MinVersion = tls.VersionTLS13
	tp := talk(t, client, server, 5)
	talk(t, client, server, 1)
	o := NewOpener(keys, nil)
	r := play(t, o, tp.cut(1460), false)
	r.check(t, tp)
	if r.info.ServerName != "public.example" {
		t.Errorf("%+v", r.info)
	}
	play(t, o, other.cut(1460), false).check(t, other)
	var lines bytes.Buffer
	keys.Record(&lines)
	late := NewKeyLog()
	o = NewOpener(late, nil)
	r = play(t, o, tp.cut(1460), false)
	for l := range bytes.Lines(lines.Bytes()) {
		late.Write(l)
		for wait := o.Retry(); wait > 0; wait = o.Retry() {
			time.Sleep(wait)
		}
	}
	if r.check(t, tp); !r.closed {
		t.Errorf("not closed: %+v", o.Stats())
	}
	for i := range 20_000 { // more than are tried at once
		fmt.Fprintln(keys, logLine("SERVER_HANDSHAKE_TRAFFIC_SECRET", i, 32+i%2*16))
	}
	play(t, NewOpener(keys, nil), tp.cut(1460), false).check(t, tp)
}

// echConfig makes an ECHConfig (RFC 9849, section 4).
func echConfig(public []byte, name string) []byte {
	be := binary.BigEndian
	body := []byte{7, 0, 0x20} // config id, DHKEM(X25519, HKDF-SHA256)
	body = append(be.AppendUint16(body, uint16(len(public))), public...)
	body = append(body, 0, 4, 0, 1, 0, 1) // HKDF-SHA256, AES-128-GCM
	body = append(body, 32, byte(len(name)))
	body = append(body, name...)
	body = append(body, 0, 0)
	return append(be.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(body))), body...)
}

// TestHelloRetryRequest of crypto/tls.
func TestHelloRetryRequest(t *testing.T) {
	keys := NewKeyLog()
	client, server := configs(keys)
	client.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
	server.CurvePreferences = []tls.CurveID{tls.CurveP384}
	tp := talk(t, client, server, 3)
	play(t, NewOpener(keys, nil), tp.cut(50), false).check(t, tp)
}
