package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/wstap/wstap/internal/testnet"
)

// TestNetns: wsdump outside of a namespace sees what is inside, by its path and by
// a process.
func TestNetns(t *testing.T) {
	h := testnet.New(t)
	echoServer(t, h, "127.0.0.1:7272")
	outside := testnet.New(t)
	inside := command(t, "-i", "lo", "-q", "port", "1")
	var err error
	h.Do(func() { err = inside.Start() })
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Wait()
	defer inside.Process.Kill()
	for _, netns := range []string{h.Path(), fmt.Sprint(inside.Process.Pid)} {
		l := startLive(t, outside, "--netns", netns, "-q", "-i", "lo")
		c := dial(t, h, "127.0.0.1:7272", websocket.CompressionDisabled)
		l.line()
		if err := exchange(t.Context(), c, "hi, all !"); err != nil {
			t.Fatal(err)
		}
		if s := l.line(); !strings.Contains(s, " text 9\n") {
			t.Errorf("%s: %s", netns, s)
		}
		l.end(os.Interrupt)
		if !strings.Contains(l.stderr.String(), "listening on lo of namespace "+netns) {
			t.Error(l.stderr)
		}
	}
	for args, want := range map[string]string{
		"--netns no-such-name":             "ip netns lists the names",
		"--netns /nonexistent/ns":          "no such file",
		"--container 0123456789ab":         "no process is in a container 0123456789ab",
		"--container my_server":            "is no id of a container",
		"--netns x --container 0123":       "give one of them",
		"--container 0123 -r " + "nothing": "leave out -r",
	} {
		if r := wsdump(t, strings.Fields(args)...); r.status == 0 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit status %d: %s", args, r.status, r.stderr)
		}
	}
}

// TestMemberGone: one of several interfaces that goes is told, and that it is back.
func TestMemberGone(t *testing.T) {
	a, b := testnet.New(t), testnet.New(t)
	ai, _ := testnet.Veth(t, a, b)
	l := startLive(t, a, "-i", "lo,"+ai.Name)
	ai.Delete()
	l.waitFor("wsdump: " + ai.Name + " is gone")
	l.end(os.Interrupt)
}
