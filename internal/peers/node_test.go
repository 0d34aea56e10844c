package peers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The package of npm, installed into the user's cache by the first test that
// needs it, unless wsDirEnv names a directory whose node_modules holds one.
const (
	wsPackage = "ws@8.18.3"
	wsDirEnv  = "WSTAP_WS_DIR"
)

// wsDir returns the directory whose node_modules holds ws.
func wsDir(ctx context.Context) (string, error) {
	if dir := os.Getenv(wsDirEnv); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "wstap-peers")
	dir := filepath.Join(cache, wsPackage)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "ws", "package.json")); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return "", err
	}
	// Installed aside, for tests may run at the same time.
	temp, err := os.MkdirTemp(cache, "install")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", temp, "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--fetch-retries=0", wsPackage)
	npm.WaitDelay = time.Second
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install %s: %w\n%s", wsPackage, err, out)
	}
	if err := os.Rename(temp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return dir, nil
}

// A node is a process of testdata/ws.js.
type node struct {
	addr    string
	in      io.Writer
	reports map[string]chan report // by side
}

// startWS runs the endpoints of ws until the test ends.
func startWS(t *testing.T) *node {
	t.Helper()
	p := startNode(context.Background(), t, (*exec.Cmd).Start, nil, "ws.js", needWS(t))
	n := &node{
		addr: fmt.Sprint("127.0.0.1:", p.port),
		in:   p.in,
		// A conversation that failed may leave a report that nobody takes.
		reports: map[string]chan report{"client": make(chan report, 100), "server": make(chan report, 100)},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			var r struct {
				Side string
				report
			}
			if p.lines.Decode(&r) != nil {
				return
			}
			n.reports[r.Side] <- r.report
		}
	}()
	t.Cleanup(func() {
		p.in.Close()
		<-done
	})
	return n
}

func (n *node) report(ctx context.Context, side string) (report, error) {
	select {
	case r := <-n.reports[side]:
		if r.Error != "" {
			return r, errors.New(r.Error)
		}
		return r, nil
	case <-ctx.Done():
		return report{}, fmt.Errorf("no report of node's %s: %w", side, ctx.Err())
	}
}

// client makes a client of ws with a perMessageDeflate option.
func (n *node) client(dir, deflate string, mixed bool) client {
	return func(ctx context.Context, url string, script []message) (report, error) {
		type jsonMessage struct {
			Binary  bool   `json:"binary"`
			Payload string `json:"payload"`
		}
		list := make([]jsonMessage, len(script))
		for i, m := range script {
			list[i] = jsonMessage{m.binary, base64.StdEncoding.EncodeToString(m.payload)}
		}
		b, err := json.Marshal(list)
		if err != nil {
			return report{}, err
		}
		name := filepath.Join(dir, "script.json")
		if err := os.WriteFile(name, b, 0o666); err != nil {
			return report{}, err
		}
		err = json.NewEncoder(n.in).Encode(map[string]any{"url": url, "deflate": json.RawMessage(deflate), "mixed": mixed, "script": name})
		if err != nil {
			return report{}, err
		}
		return n.report(ctx, "client")
	}
}

// server makes a server of ws with a perMessageDeflate option.
func (n *node) server(deflate string, mixed bool) server {
	query := url.Values{"deflate": {deflate}}
	if mixed {
		query.Set("mixed", "1")
	}
	return server{addr: n.addr, path: "/echo?" + query.Encode(), report: func(ctx context.Context) (report, error) {
		return n.report(ctx, "server")
	}}
}
