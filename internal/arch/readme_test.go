package arch

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testnet"
)

// buildReadme builds the program that README.md shows.
func buildReadme(t *testing.T) (binary string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(text), "\n```go\n")
	program, _, ok := strings.Cut(program, "\n```\n")
	if !ok {
		t.Fatal("README.md shows no program")
	}
	dir := t.TempDir()
	file, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(file, []byte(program+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", binary, file)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// TestReadme builds README's program, has it print a message, and ends it as Ctrl-C does.
func TestReadme(t *testing.T) {
	program := exec.Command(buildReadme(t))
	h := testnet.New(t)
	l, err := h.Listen("tcp", "127.0.0.1:7272")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err == nil {
			_, _, _ = c.Read(r.Context())
			c.Close(websocket.StatusNormalClosure, "")
		}
	})}
	go server.Serve(l)
	defer server.Close()

	var said strings.Builder
	program.Stderr = &said
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.Do(func() { err = program.Start() })
	if err != nil {
		t.Fatal(err)
	}
	defer program.Process.Kill()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			lines <- s.Text()
		}
	}()

	// Until it listens nobody hears.
	client := &http.Client{Transport: &http.Transport{DialContext: h.DialContext}}
	const text = "hello, README"
	deadline := time.Now().Add(30 * time.Second)
	for heard := false; !heard; {
		if time.Now().After(deadline) {
			t.Fatalf("no message was printed; %s", &said)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		c, _, err := websocket.Dial(ctx, "ws://127.0.0.1:7272/", &websocket.DialOptions{HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		c.Close(websocket.StatusNormalClosure, "")
		cancel()
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the program ended: %v; %s", program.Wait(), &said)
			}
			heard = strings.HasSuffix(line, " client "+text)
		case <-time.After(200 * time.Millisecond):
		}
	}
	if err := program.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for range lines { // the rest
	}
	if err := program.Wait(); err != nil || said.Len() > 0 {
		t.Errorf("after an interrupt: %v; %s", err, &said)
	}
}
