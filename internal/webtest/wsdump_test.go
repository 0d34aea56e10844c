package webtest

import (
	"bufio"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const walkthrough = "../../examples/wsdump/walkthrough.pcap.gz"

// build builds wsdump, once.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(dir, "wsdump")
	cmd := exec.Command("go", "build", "-o", binary, "./examples/wsdump")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = &buildError{err, out}
	}
	return binary, err
})

type buildError struct {
	error
	out []byte
}

func (e *buildError) Error() string { return e.error.Error() + "\n" + string(e.out) }

// A program is a wsdump that serves its page.
type program struct {
	url   string // of the page
	stdin io.WriteCloser
	cmd   *exec.Cmd
	gone  chan struct{}

	mu  sync.Mutex
	log []string // what it says
}

// serve runs wsdump --web. It skips the test where there is no browser to look.
func serve(t *testing.T, args ...string) *program {
	t.Helper()
	w, why := run(t, args...)
	if w == nil {
		t.Fatalf("wsdump has no page: %s", why)
	}
	return w
}

// run is serve, and tells why there is no page.
func run(t *testing.T, args ...string) (*program, string) {
	t.Helper()
	if chromium() == "" {
		t.Skip("there is no Chromium: apt-get install chromium")
	}
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	w := &program{cmd: exec.Command(binary, append([]string{"--web"}, args...)...), gone: make(chan struct{})}
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := w.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	address := make(chan string, 1)
	go func() {
		defer close(w.gone)
		defer close(address)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			w.mu.Lock()
			w.log = append(w.log, lines.Text())
			w.mu.Unlock()
			if _, after, ok := strings.Cut(lines.Text(), "the page is at "); ok {
				address <- after
			}
		}
		_ = w.cmd.Wait()
	}()
	select {
	case w.url = <-address:
	case <-time.After(patience):
	}
	if w.url == "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		return nil, strings.Join(w.log, "\n")
	}
	return w, ""
}

// end ends it as Ctrl-C does.
func (w *program) end() {
	_ = w.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-w.gone:
	case <-time.After(patience):
		_ = w.cmd.Process.Kill()
		<-w.gone
	}
}

// port is that of the page.
func (w *program) port(t *testing.T) string {
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// A record is a line of wsdump --json.
type record map[string]any

// A chat makes records of connections to be read by wsdump -r.
type chat struct {
	now time.Time
}

func newChat() *chat { return &chat{time.Date(2026, 11, 22, 18, 16, 32, 0, time.UTC)} }

// record fills in what every record has; its time is a millisecond after the last.
func (c *chat) record(event string, conn int, more record) record {
	c.now = c.now.Add(time.Millisecond)
	r := record{"event": event, "time": c.now.Format(time.RFC3339Nano), "conn": conn,
		"client": "192.0.2.1:40001", "server": "192.0.2.80:80"}
	for k, v := range more {
		r[k] = v
	}
	return r
}

func (c *chat) open(conn int, more record) record {
	r := c.record("open", conn, record{"method": "GET", "url": "ws://chat.example/", "status": 101, "subprotocol": "", "extensions": "",
		"accept_valid": true, "request": record{"Host": []string{"chat.example"}}, "response": record{}})
	for k, v := range more {
		r[k] = v
	}
	return r
}

func (c *chat) text(conn int, from, text string) record {
	r := c.record("message", conn, record{"from": from, "opcode": "text", "length": len(text), "wire_length": len(text),
		"frames": 1, "compressed": false, "text": text})
	r["start"] = r["time"]
	return r
}

func (c *chat) binary(conn int, from, opcode string, b []byte) record {
	r := c.text(conn, from, "")
	delete(r, "text")
	r["opcode"], r["length"], r["wire_length"], r["base64"] = opcode, len(b), len(b), b
	return r
}

func (c *chat) end(conn int) record {
	none := record{"messages": 0}
	return c.record("end", conn, record{"cause": "fin", "duration": 1.5, "counts": record{"client": none, "server": none}})
}

// write writes records as lines.
func write(t *testing.T, w io.Writer, records ...record) {
	t.Helper()
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	for _, r := range records {
		if err := enc.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
}

// file writes records into a file.
func file(t *testing.T, records ...record) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "chat.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, records...)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
