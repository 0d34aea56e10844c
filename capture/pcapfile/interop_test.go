package pcapfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testnet"
)

// tcpdump returns tcpdump's path, or skips the test.
func tcpdump(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err == nil {
		return path
	}
	if os.Getenv(testnet.RequireEnv) == "1" {
		t.Fatalf("%s=1, but: %v", testnet.RequireEnv, err)
	}
	t.Skipf("%v (install tcpdump)", err)
	return ""
}

// run returns the standard output of a command.
func run(t *testing.T, in []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	return out
}

func conversation() []capture.Frame {
	c := packetgen.NewConversation()
	c.Time = c.Time.Add(123456789)
	c.Open()
	c.Send(packetgen.Client, []byte("hello"))
	c.Send(packetgen.Server, bytes.Repeat([]byte("world"), 1000))
	c.Close(packetgen.Client)
	var frames []capture.Frame
	for i, p := range c.Packets {
		data := p.Frame
		if i%4 == 3 {
			data = data[:min(len(data), 54+i)] // cut as by -s
		}
		frames = append(frames, capture.Frame{Data: data, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet})
	}
	return frames
}

// tcpdump reads what we write: the file that it makes of ours holds the same
// frames, and so do the lines that it prints.
func TestTcpdumpReads(t *testing.T) {
	path := tcpdump(t)
	frames := conversation()
	for _, format := range []Format{Pcap, Pcapng} {
		for _, micro := range []bool{false, true} {
			t.Run(fmt.Sprint(format, micro), func(t *testing.T) {
				name := filepath.Join(t.TempDir(), "ours")
				w, err := Create(name, decode.LinkEthernet, &WriterConfig{Format: format, Microseconds: micro,
					Describe: func(*capture.Frame) Interface { return Interface{Name: "eth0", Comments: []string{"hm"}} }})
				if err != nil {
					t.Fatal(err)
				}
				var want []record
				for i := range frames {
					if err := w.WriteFrameInfo(&frames[i], &FrameInfo{Comments: []string{"remark"}, Dropped: 1, Flags: 1}); err != nil {
						t.Fatal(err)
					}
					rec := own(&frames[i])
					if micro {
						rec.time -= rec.time % 1000
					}
					want = append(want, rec)
				}
				if format == Pcapng {
					if err := w.WriteStatistics(0, decode.LinkEthernet, capture.Stats{Received: 9, Dropped: 1}, frames[0].Time); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				theirs := run(t, nil, path, "--time-stamp-precision=nano", "-r", name, "-w", "-")
				got, err := readAll(t, bytes.NewReader(theirs))
				if err != nil {
					t.Fatal(err)
				}
				compare(t, got, want)
				lines := strings.Split(strings.TrimSpace(string(run(t, nil, path, "-nttr", name, "--time-stamp-precision=nano"))), "\n")
				if len(lines) != len(want) {
					t.Fatalf("%d lines for %d frames", len(lines), len(want))
				}
				for i, line := range lines {
					if at := fmt.Sprintf("%d.%09d IP 10.0.0.", want[i].time/1e9, want[i].time%1e9); !strings.HasPrefix(line, at) {
						t.Errorf("line %q, want it to begin with %q", line, at)
					}
				}
			})
		}
	}
}

// tcpdump and we see the same in pcapng files made by hand, as far as tcpdump
// goes: one link type.
func TestTcpdumpAgrees(t *testing.T) {
	path := tcpdump(t)
	for _, o := range orders {
		n := new(ngFile).section(o.order, option{optComment, "c"}).ifi(1, 65535).ifi(1, 65535, option{optIfTsResol, "\x09"})
		n.ifi(1, 65535, option{optIfTsResol, "\x94"}).ifi(1, 65535, option{optIfTsResol, "\x03"}, option{optIfTsOffset, n.u64(1 << 30)})
		for i, f := range conversation() {
			if i > 0 && i%5 == 0 {
				n.block(99, []byte("skip"))
			}
			data := string(f.Data)
			n.packet(0, uint64(f.Time.UnixMicro()), data, uint32(f.Length), option{optComment, "c"})
			n.packet(1, uint64(f.Time.UnixNano()), data, uint32(f.Length))
			n.packet(2, uint64(f.Time.Unix())<<20|uint64(i), data, uint32(f.Length))
			n.packet(3, uint64(f.Time.UnixMilli())-(1<<30)*1000, data, uint32(f.Length))
			n.old(1, 7, uint64(f.Time.UnixNano()), data, uint32(f.Length))
		}
		ours, err := readAll(t, bytes.NewReader(n.b))
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "by-hand.pcapng")
		if err := os.WriteFile(name, n.b, 0o666); err != nil {
			t.Fatal(err)
		}
		theirs, err := readAll(t, bytes.NewReader(run(t, nil, path, "--time-stamp-precision=nano", "-r", name, "-w", "-")))
		if err != nil {
			t.Fatal(err)
		}
		for i := range ours {
			ours[i].ifi = 0
		}
		compare(t, theirs, ours)
	}
}

// Each packet of a live tcpdump comes out of the pipe before the next is sent,
// and Close ends the reading while tcpdump runs on.
func TestTcpdumpPipe(t *testing.T) {
	path := tcpdump(t)
	h := testnet.New(t)
	cmd := exec.Command(path, "-i", "lo", "-n", "-U", "-w", "-", "--immediate-mode", "udp port 9999")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var conn net.PacketConn // sends to itself: nobody answers that the port is closed
	h.Do(func() {
		if conn, err = net.ListenPacket("udp", "127.0.0.1:9999"); err == nil {
			err = cmd.Start()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer cmd.Wait()
	defer cmd.Process.Kill()
	// A frame that never comes ends the test and does not hang it.
	defer time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() }).Stop()
	r, err := NewReader(out, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var f capture.Frame
	for i := range 20 {
		payload := binary.BigEndian.AppendUint64([]byte("packet "), uint64(i))
		if _, err := conn.WriteTo(payload, conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if err := read1(r, &f); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(f.Data, payload) {
			t.Fatalf("packet %d: %q", i, f.Data)
		}
	}
	time.AfterFunc(10*time.Millisecond, func() { r.Close() })
	for err == nil {
		err = read1(r, &f)
	}
	if err == io.EOF {
		t.Error("the pipe ended before Close")
	}
}
