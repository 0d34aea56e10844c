package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket/afpacket"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testnet"
)

// liveEnv makes the test binary a process that captures liveFrames datagrams
// from lo with the named library, and ends.
const (
	liveEnv    = "WSTAP_PEERS_LIVE"
	liveFrames = 500_000
	liveBuffer = capture.DefaultBufferSize
)

// Each skips what lo shows a second time, as the others' kernels do not.
var libraries = map[string]func(wanted *filter.Program) error{
	"wstap": func(*filter.Program) error {
		l, err := capture.Listen("lo", &capture.Config{Filter: "udp"})
		if err != nil {
			return err
		}
		fs := make([]capture.Frame, 64)
		for left := liveFrames; left > 0; {
			n, err := l.Read(fs[:min(left, len(fs))])
			if err != nil {
				return err
			}
			left -= n
		}
		return nil
	},
	"gopacket-afpacket": func(wanted *filter.Program) error {
		h, err := afpacket.NewTPacket(afpacket.OptInterface("lo"), afpacket.OptTPacketVersion(afpacket.TPacketVersion3),
			afpacket.OptBlockSize(capture.DefaultBlockSize), afpacket.OptNumBlocks(liveBuffer/capture.DefaultBlockSize))
		if err != nil {
			return err
		}
		if err := h.SetBPF(wanted.Raw()); err != nil {
			return err
		}
		for range liveFrames {
			if _, _, err := h.ZeroCopyReadPacketData(); err != nil {
				return err
			}
		}
		return nil
	},
	"gopacket-pcapgo": func(wanted *filter.Program) error {
		h, err := pcapgo.NewEthernetHandle("lo")
		if err != nil {
			return err
		}
		if err := h.SetBPF(wanted.Raw()); err != nil {
			return err
		}
		for range liveFrames {
			if _, _, err := h.ZeroCopyReadPacketData(); err != nil {
				return err
			}
		}
		return nil
	},
}

func TestMain(m *testing.M) {
	name := os.Getenv(liveEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	wanted, err := filter.Compile("udp and inbound", filter.Target{Link: decode.LinkEthernet, Live: true})
	if err == nil {
		err = libraries[name](wanted)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// BenchmarkLive compares the processor time that a captured frame takes, each
// library in a process of its own, and tcpdump, with rings of one size. What
// the kernel does to hand frames over is the sender's time and not counted.
func BenchmarkLive(b *testing.B) {
	h := testnet.New(b)
	commands := []struct {
		name    string
		command func() *exec.Cmd
	}{{"tcpdump", func() *exec.Cmd {
		return exec.Command("tcpdump", "-i", "lo", "-B", fmt.Sprint(liveBuffer>>10), "-c", fmt.Sprint(liveFrames), "-w", "/dev/null", "udp")
	}}}
	for _, name := range []string{"wstap", "gopacket-afpacket", "gopacket-pcapgo"} {
		commands = append(commands, struct {
			name    string
			command func() *exec.Cmd
		}{name, func() *exec.Cmd {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), liveEnv+"="+name)
			return cmd
		}})
	}
	for _, c := range commands {
		b.Run(c.name, func(b *testing.B) {
			if c.name == "tcpdump" {
				if _, err := exec.LookPath("tcpdump"); err != nil {
					b.Skip(err)
				}
			}
			stop := flood(b, h)
			defer stop()
			var used time.Duration
			for b.Loop() {
				cmd := c.command()
				var out strings.Builder
				cmd.Stdout, cmd.Stderr = &out, &out
				var err error
				h.Do(func() { err = cmd.Run() })
				if err != nil {
					b.Fatalf("%v: %s", err, &out)
				}
				used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/liveFrames, "cpu-ns/frame")
		})
	}
}

// flood sends datagrams over lo until stop.
func flood(b *testing.B, h *testnet.Host) (stop func()) {
	b.Helper()
	var c net.Conn
	h.Do(func() {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { l.Close() })
		if c, err = net.Dial("udp", l.LocalAddr().String()); err != nil {
			b.Fatal(err)
		}
	})
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer c.Close()
		payload := make([]byte, 100)
		for {
			select {
			case <-done:
				return
			default:
				c.Write(payload)
				runtime.Gosched()
			}
		}
	})
	return func() { close(done); wg.Wait() }
}
