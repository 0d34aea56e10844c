package capture_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testnet"
)

// captureEnv makes the test binary a process that captures so many frames
// from an interface and ends: "lo 500000".
const captureEnv = "WSTAP_TEST_CAPTURE"

func TestMain(m *testing.M) {
	if v := os.Getenv(captureEnv); v != "" {
		if err := captureFrames(v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func captureFrames(arg string) error {
	var name string
	var n int
	if _, err := fmt.Sscan(arg, &name, &n); err != nil {
		return err
	}
	l, err := capture.Listen(name, &capture.Config{Filter: "udp"})
	if err != nil {
		return err
	}
	defer l.Close()
	var f capture.Frame
	for range n {
		if err := read1(l, &f); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkLive compares the processor time that this package and tcpdump
// take for a frame, each as a process that captures half a million datagrams
// from lo. What the kernel does to hand frames over is in neither: it is the
// sender's time.
func BenchmarkLive(b *testing.B) {
	const frames = 500_000
	h := testnet.New(b)
	n := strconv.Itoa(frames)
	wstap := func(name string) func() *exec.Cmd {
		return func() *exec.Cmd {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), captureEnv+"="+name+" "+n)
			return cmd
		}
	}
	tcpdump := func(name string) func() *exec.Cmd {
		return func() *exec.Cmd {
			return exec.Command("tcpdump", "-i", name, "-B", "32768", "-c", n, "-w", "/dev/null", "udp")
		}
	}
	for _, bm := range []struct {
		name    string
		command func() *exec.Cmd
	}{
		{"wstap lo", wstap("lo")},
		{"wstap any", wstap("any")},
		{"tcpdump lo", tcpdump("lo")},
		{"tcpdump any", tcpdump("any")},
	} {
		b.Run(bm.name, func(b *testing.B) {
			var used time.Duration
			for b.Loop() {
				cmd := bm.command()
				if _, err := exec.LookPath(cmd.Path); err != nil {
					b.Skip(err)
				}
				stop := make(chan struct{})
				var wg sync.WaitGroup
				c := udp(b, h, h, netip.MustParseAddr("127.0.0.1"))
				wg.Go(func() {
					payload := make([]byte, 100)
					for {
						select {
						case <-stop:
							return
						default:
							c.Write(payload)
						}
					}
				})
				var out []byte
				var err error
				h.Do(func() { out, err = cmd.CombinedOutput() })
				close(stop)
				wg.Wait()
				if err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/frames, "cpu-ns/frame")
		})
	}
}
