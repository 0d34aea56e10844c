package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

// A recorder writes conversations to a pipe as they are made.
type recorder struct {
	w   *pcapfile.Writer
	err error
}

func (r *recorder) take(c *packetgen.Conversation) {
	for i := range c.Packets {
		f := capture.Frame{Data: c.Packets[i].Frame, Length: len(c.Packets[i].Frame), Time: c.Packets[i].Time, Link: decode.LinkEthernet}
		if r.err == nil {
			r.err = r.w.WriteFrame(&f)
		}
	}
	c.Packets = c.Packets[:0]
}

// talk begins a WebSocket connection from the given client's port.
func (r *recorder) talk(port int, request, answer string) *packetgen.Conversation {
	c := packetgen.NewConversation()
	c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(port >> 8), byte(port)}), uint16(10000+port))
	c.MSS, c.NoAcks, c.Step = 16000, true, 1000
	c.Open()
	c.Send(packetgen.Client, []byte(request+"\r\n"))
	c.Send(packetgen.Server, []byte(answer+"\r\n"))
	r.take(c)
	return c
}

func frameHeader(first byte, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(n))
}

// measured runs wsdump on what write writes, and returns how much memory it took
// at the most, in bytes.
func measured(t *testing.T, write func(*recorder), env string, args ...string) (result, int64) {
	t.Helper()
	pr, pw := io.Pipe()
	go func() {
		w, err := pcapfile.NewWriter(pw, decode.LinkEthernet, nil)
		if err == nil {
			r := &recorder{w: w}
			write(r)
			err = r.err
		}
		if err == nil {
			err = w.Close()
		}
		pw.CloseWithError(err)
	}()
	cmd := command(t, append(args, "-r", "-")...)
	cmd.Env = append(cmd.Env, env)
	cmd.Stdin = pr
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop, most := make(chan struct{}), make(chan int64)
	go func() { most <- highWater(cmd.Process.Pid, stop) }()
	err := cmd.Wait()
	close(stop)
	pr.Close()
	if err != nil {
		t.Errorf("%v: %s", err, &errs)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}, <-most
}

// highWater looks at the most memory that a process has taken so far, until stop.
// What wait4(2) says of it would include this process, before exec(2).
func highWater(pid int, stop <-chan struct{}) (bytes int64) {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, line, ok := strings.Cut(string(status), "VmHWM:"); ok {
			var kib int64
			fmt.Sscan(line, &kib)
			bytes = max(bytes, kib<<10)
		}
		select {
		case <-stop:
			return bytes
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// TestLargeMessage: where there are 64 MB, a message of 50 is cut, which is told,
// and all that follows is there.
func TestLargeMessage(t *testing.T) {
	const n = 50 << 20
	for _, args := range [][]string{{"--memory", "57M"}, {"--memory", "57M", "--json"}} {
		r, rss := measured(t, func(r *recorder) {
			c := r.talk(1, upgradeRequest, upgradeAnswer)
			c.Send(packetgen.Server, frameHeader(0x82, n))
			piece := make([]byte, 1<<20)
			for range n >> 20 {
				c.Send(packetgen.Server, piece)
				r.take(c)
			}
			c.Send(packetgen.Server, []byte("\x81\x02hi"))
			r.take(c)
		}, "", args...)
		if !strings.Contains(r.stderr, "2 messages on 1 connection\n") || !strings.Contains(r.stderr, "\n1 message truncated\n") {
			t.Error(r.stderr)
		}
		if said := regexp.MustCompile(` binary (\d+) \[truncated, (\d+) bytes missing\]\n`).FindStringSubmatch(r.stdout); len(args) == 2 {
			var kept, missing int
			if said != nil {
				fmt.Sscan(said[1]+" "+said[2], &kept, &missing)
			}
			if kept < 4<<20 || kept+missing != n {
				t.Errorf("%.300s", r.stdout)
			}
		}
		t.Logf("%d MB resident", rss>>20)
		if rss > 64<<20 && !racing() {
			t.Errorf("%d MB resident", rss>>20)
		}
	}
}

// TestLongFrame: a frame longer than the budget is kept as far as MaxMessage goes,
// whatever length it promises.
func TestLongFrame(t *testing.T) {
	const kept = 12 << 20
	for _, n := range []int64{140 << 20, 1 << 40} {
		r, _ := measured(t, func(r *recorder) {
			c := r.talk(1, upgradeRequest, upgradeAnswer)
			c.Send(packetgen.Server, frameHeader(0x82, n))
			piece := make([]byte, 1<<20)
			for range kept>>20 + 1 {
				c.Send(packetgen.Server, piece)
				r.take(c)
			}
		}, "", "-q", "--max-message", "12M")
		if !strings.Contains(r.stdout, fmt.Sprintf(" binary %d [truncated, %d bytes missing]\n", kept, n-kept)) {
			t.Errorf("%s%s", r.stdout, r.stderr)
		}
	}
}

// TestBudgetsFit: 5,300 connections with large heads and compressed histories, and
// four messages of 62 MB at the same time, stay below what deploy gives.
func TestBudgetsFit(t *testing.T) {
	conns, large := testkit.Rounds(1500, 300, 5300), testkit.Rounds(62, 8, 62)
	memory, limit := "460M", int64(512<<20)
	head := longHead(upgradeRequest, 12000)
	history := make([]byte, 40000)
	for i := range history {
		history[i] = byte(i * 7 >> (i & 3))
	}
	r, rss := measured(t, func(r *recorder) {
		z := compressed(deflated(history))
		for i := range conns {
			c := r.talk(i, head, longHead(deflateAnswer, 4000))
			c.Send(packetgen.Server, []byte(z+z))
			r.take(c)
		}
		var four []*packetgen.Conversation
		for i := range 4 {
			c := r.talk(conns+i, upgradeRequest, upgradeAnswer)
			c.Send(packetgen.Server, frameHeader(0x82, int64(large)<<20))
			four = append(four, c)
		}
		piece := make([]byte, 1<<20)
		for range large {
			for _, c := range four {
				c.Send(packetgen.Server, piece)
				r.take(c)
			}
		}
	}, "", "--memory", memory, "-q")
	if !strings.Contains(r.stderr, fmt.Sprintf("%d messages on %d connections\n", 2*conns+4, conns+4)) {
		t.Error(r.stderr)
	}
	t.Logf("%d MB resident", rss>>20)
	if rss > limit && !racing() {
		t.Errorf("%d MB resident", rss>>20)
	}
}

func TestMemoryFlags(t *testing.T) {
	for _, args := range []string{"--memory 1M -r x", "--memory x -r x", "--max-message 0 -r x"} {
		if r := wsdump(t, strings.Fields(args)...); r.status != 2 {
			t.Errorf("%s: exit status %d: %s", args, r.status, r.stderr)
		}
	}
	if r := wsdump(t, "-r", recordings[0], "--max-message", "200M", "--memory", "300M"); r.status != 2 || !strings.Contains(r.stderr, "raise --memory") {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
}
