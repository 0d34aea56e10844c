package decrypt

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/wstap/wstap/internal/testkit"
)

// randomOf and hexOf make randoms and secrets of a number.
func randomOf(n int) (r random) {
	copy(r[:], fmt.Sprintf("%032d", n))
	return r
}

func hexOf(n, size int) string { return hex.EncodeToString(fmt.Appendf(nil, "%0*d", size, n)) }

func logLine(name string, n, size int) string {
	r := randomOf(n)
	return name + " " + hex.EncodeToString(r[:]) + " " + hexOf(n, size)
}

func TestKeyLogLines(t *testing.T) {
	id := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		name, log string
		want      KeyLogStats
	}{
		{"empty", "", KeyLogStats{}},
		{"comments", "# hello\n\n \r\n#", KeyLogStats{}},
		{"1.2", logLine("CLIENT_RANDOM", 1, 48) + "\n", KeyLogStats{Lines: 1, Secrets: 1}},
		{"1.3", logLine("CLIENT_TRAFFIC_SECRET_0", 1, 32) + "\n" + logLine("SERVER_TRAFFIC_SECRET_0", 1, 48) + "\n", KeyLogStats{Lines: 2, Secrets: 2}},
		{"upper case", strings.ToUpper(logLine("CLIENT_RANDOM", 1, 48)) + "\n", KeyLogStats{Lines: 1, Secrets: 1}},
		{"CRLF", logLine("CLIENT_RANDOM", 1, 48) + "\r\n" + logLine("CLIENT_RANDOM", 2, 48) + "\r\n", KeyLogStats{Lines: 2, Secrets: 2}},
		{"CR", logLine("CLIENT_RANDOM", 1, 48) + "\r" + logLine("CLIENT_RANDOM", 2, 48) + "\r", KeyLogStats{Lines: 2, Secrets: 2}},
		{"same twice", logLine("CLIENT_RANDOM", 1, 48) + "\n" + logLine("CLIENT_RANDOM", 1, 48) + "\n", KeyLogStats{Lines: 2, Secrets: 1, Duplicate: 1}},
		{"RSA", "RSA 0123456789abcdef " + hexOf(1, 48) + "\n", KeyLogStats{Lines: 1, Secrets: 1}},
		{"session", "RSA Session-ID:" + id + " Master-Key:" + hexOf(1, 48) + "\n", KeyLogStats{Lines: 1, Secrets: 1}},
		{"other labels", logLine("EXPORTER_SECRET", 1, 32) + "\n" + logLine("ECH_SECRET", 1, 32) + "\n", KeyLogStats{Lines: 2, Other: 2}},
		{"not finished", logLine("CLIENT_RANDOM", 1, 48), KeyLogStats{}},
		{"short secret", logLine("CLIENT_RANDOM", 1, 32) + "\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"short random", "CLIENT_RANDOM 00 " + hexOf(1, 48) + "\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"no hex", "CLIENT_RANDOM " + strings.Repeat("zz", 32) + " " + hexOf(1, 48) + "\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"a secret with more behind it", logLine("CLIENT_RANDOM", 1, 48) + "00\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"two words", "CLIENT_RANDOM 00\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"prose", "what is this?\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"session without id", "RSA Session-ID: Master-Key:" + hexOf(1, 48) + "\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"session id too long", "RSA Session-ID:" + id + "ab Master-Key:" + hexOf(1, 48) + "\n", KeyLogStats{Lines: 1, Bad: 1}},
		{"endless line", strings.Repeat("A", 1<<20) + "\n" + logLine("CLIENT_RANDOM", 1, 48) + "\n", KeyLogStats{Lines: 2, Secrets: 1, Bad: 1}},
	} {
		for _, size := range []int{1 << 30, 1, 7} { // of pieces
			k := NewKeyLog()
			for b := []byte(tt.log); len(b) > 0; {
				n := min(size, len(b))
				if m, err := k.Write(b[:n]); m != n || err != nil {
					t.Fatal(m, err)
				}
				b = b[n:]
			}
			if got := k.Stats(); got != tt.want {
				t.Errorf("%s, pieces of %d: %+v, want %+v", tt.name, size, got, tt.want)
			}
		}
	}
}

// TestKeyLogFind: what was written is found, and what a later line says counts.
func TestKeyLogFind(t *testing.T) {
	k := NewKeyLog()
	fmt.Fprintln(k, logLine("CLIENT_RANDOM", 1, 48))
	fmt.Fprintln(k, logLine("CLIENT_TRAFFIC_SECRET_0", 1, 32))
	r := randomOf(1)
	master, ok := k.find(&r, masterSecret)
	if !ok || string(master.bytes()) != fmt.Sprintf("%048d", 1) {
		t.Errorf("%q, %v", master.bytes(), ok)
	}
	traffic, ok := k.find(&r, clientTraffic)
	if !ok || string(traffic.bytes()) != fmt.Sprintf("%032d", 1) {
		t.Errorf("%q, %v", traffic.bytes(), ok)
	}
	if _, ok := k.find(&r, serverTraffic); ok {
		t.Error("a secret that nobody wrote")
	}
	changed := k.wait()
	fmt.Fprintln(k, "CLIENT_TRAFFIC_SECRET_0 "+hex.EncodeToString(r[:])+" "+hexOf(2, 32))
	select {
	case <-changed:
	default:
		t.Error("nobody was woken")
	}
	if traffic, _ = k.find(&r, clientTraffic); string(traffic.bytes()) != fmt.Sprintf("%032d", 2) {
		t.Errorf("%q", traffic.bytes())
	}
	if s := fmt.Sprintf("%v %+v %#v %s %x", k, k, k, k, k); strings.Contains(s, "3030") || strings.Contains(s, "000") {
		t.Error("a secret is printed")
	}
}

// TestKeyLogBounded: the oldest connections are forgotten, whole, and the newest
// are tried first.
func TestKeyLogBounded(t *testing.T) {
	k := NewKeyLog()
	k.secrets.max = 100
	for i := range 1000 {
		fmt.Fprintln(k, logLine("CLIENT_TRAFFIC_SECRET_0", i, 32))
		fmt.Fprintln(k, logLine("SERVER_TRAFFIC_SECRET_0", i, 32))
	}
	for i := range 1000 {
		r := randomOf(i)
		_, c := k.find(&r, clientTraffic)
		_, s := k.find(&r, serverTraffic)
		if want := i >= 950; c != want || s != want {
			t.Fatalf("connection %d: %v, %v", i, c, s)
		}
	}
	if n := len(k.secrets.cells); n > 110 {
		t.Errorf("%d cells", n)
	}
	next := 999
	all, secrets := k.newest(), make([]secret, 1)
	for n, more := all, true; ; {
		var r random
		if r, n, more = k.before(n, 0, []label{clientTraffic}, secrets); !more {
			break
		}
		if r != randomOf(next) || string(secrets[0].bytes()) != fmt.Sprintf("%032d", next) {
			t.Fatalf("%q is not number %d", r, next)
		}
		next--
	}
	if next != 949 {
		t.Errorf("down to %d", next)
	}
	fmt.Fprintln(k, logLine("CLIENT_TRAFFIC_SECRET_0", 2000, 32))
	r, n, ok := k.before(k.newest(), all, []label{clientTraffic}, secrets)
	if !ok || r != randomOf(2000) {
		t.Errorf("%q is not new", r)
	}
	if _, _, ok = k.before(n, all, []label{clientTraffic}, secrets); ok {
		t.Error("two are new")
	}
}

// TestKeyLogMemory: a million lines cost about 120 bytes each.
func TestKeyLogMemory(t *testing.T) {
	lines := testkit.Rounds(200_000, 50_000, 1_000_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	k := NewKeyLog()
	names := []string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}
	for i := range lines {
		fmt.Fprintln(k, logLine(names[i%4], i/4, 32))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := (after.HeapAlloc - before.HeapAlloc) / uint64(lines); n > 130 {
		t.Errorf("%d bytes a line", n)
	}
	if got := k.Stats().Secrets; got != uint64(lines) {
		t.Errorf("%d secrets of %d lines", got, lines)
	}
	runtime.KeepAlive(k)
}

// TestKeyLogConcurrent is for the race detector.
func TestKeyLogConcurrent(t *testing.T) {
	k := NewKeyLog()
	k.secrets.max = 50
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 500 {
				fmt.Fprintln(k, logLine("CLIENT_TRAFFIC_SECRET_0", i*1000+n, 32))
			}
		})
		wg.Go(func() {
			for n := range 500 {
				r := randomOf(i*1000 + n)
				k.find(&r, clientTraffic)
				k.before(k.newest(), 0, []label{clientTraffic, serverTraffic}, make([]secret, 2))
				k.Stats()
			}
		})
	}
	wg.Wait()
	if got := k.Stats().Secrets; got != 2000 {
		t.Errorf("%d secrets", got)
	}
}

// TestRecord: what is recorded makes the same log again.
func TestRecord(t *testing.T) {
	k := NewKeyLog()
	var out bytes.Buffer
	k.Record(&out)
	in := logLine("CLIENT_RANDOM", 1, 48) + "\n" + logLine("CLIENT_TRAFFIC_SECRET_0", 1, 32) + "\nRSA 0123456789abcdef " + hexOf(1, 48) + "\n"
	fmt.Fprint(k, "# a comment\r\nwhat?\r\n"+strings.ReplaceAll(in, "\n", "\r\n")+in)
	if out.String() != in {
		t.Errorf("%q", out.String())
	}
}

// FuzzKeyLog checks that any bytes make a log that stays within its bounds, that
// pieces make no difference, and that every line is counted once.
func FuzzKeyLog(f *testing.F) {
	f.Add([]byte(logLine("CLIENT_RANDOM", 1, 48)+"\n"), uint64(1))                                        // TLS 1.2
	f.Add([]byte(logLine("CLIENT_TRAFFIC_SECRET_0", 1, 48)+"\r\n"), uint64(2))                            // TLS 1.3, SHA-384
	f.Add([]byte("RSA Session-ID:abcd Master-Key:"+hexOf(3, 48)+"\r"), uint64(3))                         // a session
	f.Add([]byte("RSA 0123456789abcdef "+hexOf(3, 48)+"\n#\n"), uint64(4))                                // a premaster secret
	f.Add([]byte(strings.Repeat("x", 2000)+"\n"+logLine("EXPORTER_SECRET", 1, 32)+"\n\n\r\n"), uint64(5)) // too long
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		whole := NewKeyLog()
		whole.secrets.max, whole.sessions.max = 3, 3
		whole.Write(b)
		pieces := NewKeyLog()
		pieces.secrets.max, pieces.sessions.max = 3, 3
		rnd := rand.New(rand.NewPCG(seed, 0))
		for rest := b; len(rest) > 0; {
			n := 1 + rnd.IntN(len(rest))
			pieces.Write(rest[:n])
			rest = rest[n:]
		}
		st := whole.Stats()
		if st != pieces.Stats() {
			t.Fatalf("%+v, in pieces %+v", st, pieces.Stats())
		}
		if st.Lines != st.Bad+st.Other+st.Duplicate+st.Secrets {
			t.Fatalf("%+v", st)
		}
		if whole.secrets.used > 3+8 || len(whole.written.part) > maxLine {
			t.Fatalf("%d secrets, %d bytes of a line", whole.secrets.used, len(whole.written.part))
		}
	})
}
