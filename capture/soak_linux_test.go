package capture_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testnet"
)

var soak = flag.Duration("wstap.soak", either(long, 2*time.Minute, time.Second), "how long TestSoak opens and closes captures")

// raceDetector says that the tests were built with -race.
var raceDetector bool

// resources are what a capture could leak.
type resources struct {
	goroutines, files, rings int
}

func (r resources) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d rings", r.goroutines, r.files, r.rings)
}

func (r resources) exceed(s resources) bool {
	return r.goroutines > s.goroutines || r.files > s.files || r.rings > s.rings
}

func inUse(t *testing.T) resources {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return resources{runtime.NumGoroutine(), len(files), strings.Count(string(maps), "socket:")}
}

// Captures are opened, read, swapped, stopped and closed while their interface
// goes down and up, and nothing is left of them.
func TestSoak(t *testing.T) {
	h := testnet.New(t)
	ifi, tap := h.Tap("tap0")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		frame := datagram(nil, "soaked")
		for {
			select {
			case <-stop:
				return
			default:
				tap.Write(frame) // fails while the interface is down
				time.Sleep(10 * time.Microsecond)
			}
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				ifi.Down()
				time.Sleep(time.Millisecond)
				ifi.Up()
			}
		}
	})
	one := func(i int) {
		l, err := capture.Listen([]string{"tap0", capture.Any, "lo,tap0", "lo"}[i%4],
			&capture.Config{Namespace: h.Path(), Workers: 1 + i%3, BufferSize: 4 << 20, BlockTimeout: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		read := func(s capture.Source) {
			var f capture.Frame
			for n := 0; ; n++ {
				err := read1(s, &f)
				switch {
				case err == nil && i%5 == 0 && n == 100:
					return // with a frame still borrowed
				case err == nil:
				case errors.Is(err, net.ErrClosed), err == io.EOF:
					return
				default:
					t.Error(err)
					return
				}
			}
		}
		if i%2 == 0 {
			for _, s := range l.Shards() {
				readers.Go(func() { read(s) })
			}
		} else {
			readers.Go(func() { read(l) })
		}
		time.Sleep(time.Duration(i%5) * time.Millisecond)
		if err := l.SetFilter("udp or ip6"); err != nil {
			t.Error(err)
		}
		if _, err := l.Stats(); err != nil {
			t.Error(err)
		}
		if i%3 == 0 {
			if err := l.Stop(); err != nil {
				t.Error(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		readers.Wait()
	}
	one(0)
	before := inUse(t)
	n := 0
	for start := time.Now(); time.Since(start) < *soak; n++ {
		one(n)
	}
	after := inUse(t)
	for range 100 {
		if !after.exceed(before) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		after = inUse(t)
	}
	close(stop)
	wg.Wait()
	t.Logf("%d captures; before %v, after %v", n, before, after)
	if after.exceed(before) {
		t.Error("something leaked")
	}
}

// A block that was borrowed when its capture was closed, and never asked
// after, goes with the garbage.
func TestBorrowedBlockIsFreed(t *testing.T) {
	h := testnet.New(t)
	c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
	borrow := func() uintptr {
		l, err := capture.Listen("lo", &capture.Config{Namespace: h.Path()})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "borrowed")
		var f capture.Frame
		if err := read1(l, &f); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(string(f.Data), "borrowed") {
			t.Errorf("%q", f.Data)
		}
		runtime.KeepAlive(l)
		return uintptr(unsafe.Pointer(&f.Data[0]))
	}
	addr := borrow()
	mapped := func() bool {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(maps)) {
			var start, end uintptr
			fmt.Sscanf(line, "%x-%x", &start, &end)
			if start <= addr && addr < end {
				return true
			}
		}
		return false
	}
	for range 200 {
		if !mapped() {
			return
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("still mapped")
}

// Where the kernel refuses a ring, a smaller one will do, with a word about
// it.
func TestRingRefused(t *testing.T) {
	const env = "WSTAP_TEST_RING_REFUSED"
	if raceDetector {
		t.Skip("the race detector maps memory of its own, which a limit of address space refuses too")
	}
	if os.Getenv(env) != "1" {
		testnet.Require(t)
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestRingRefused$", "-test.v")
		cmd.Env = append(os.Environ(), env+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	h := testnet.New(t)
	c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
	// Room for 24 MiB, if nobody else takes it.
	var size int
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmSize:")
	if _, err := fmt.Sscan(rest, &size); err != nil {
		t.Fatal(err)
	}
	limit := uint64(size)<<10 + 24<<20
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	l := listen(t, h, "lo", &capture.Config{BufferSize: 64 << 20, Workers: 1})
	if got := l.BufferSize(); got >= 64<<20 || got < 1<<20 {
		t.Errorf("a buffer of %d bytes", got)
	}
	if w := l.Warnings(); len(w) != 1 || !strings.Contains(w[0], "buffer of 65536 KiB: it gave ") {
		t.Errorf("%q", w)
	}
	fmt.Fprint(c, "hello")
	var f capture.Frame
	if err := read1(l, &f); err != nil || !strings.HasSuffix(string(f.Data), "hello") {
		t.Errorf("%v, %q", err, f.Data)
	}
	// With none at all the error says what for there is no memory.
	_, err = capture.Listen("lo", &capture.Config{Namespace: h.Path(), BlockSize: 32 << 20})
	if !errors.Is(err, syscall.ENOMEM) || !strings.Contains(err.Error(), "a ring of 2 blocks of 32768 KiB") {
		t.Errorf("%v", err)
	}
}

// Hardware timestamps are refused with a word about it where no adapter has
// them.
func TestHardwareTimestamps(t *testing.T) {
	h := testnet.New(t)
	c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
	for _, name := range []string{"lo", capture.Any} {
		l := listen(t, h, name, &capture.Config{Clock: capture.ClockHardware, Workers: 2})
		if w := l.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "hardware timestamps: ") {
			t.Errorf("%s: %q", name, w)
		}
		fmt.Fprint(c, "hello")
		var f capture.Frame
		if err := read1(l, &f); err != nil || f.Clock != capture.ClockSoftware || time.Since(f.Time) > time.Minute {
			t.Errorf("%s: %v, %+v", name, err, f)
		}
	}
}
