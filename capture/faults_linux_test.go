package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testnet"
)

// frames reads a capture in the background and gives out copies of the data.
func frames(l capture.Source) (<-chan []byte, <-chan error) {
	data, end := make(chan []byte, 1000), make(chan error, 1)
	go func() {
		var f capture.Frame
		for {
			if err := read1(l, &f); err != nil {
				end <- err
				return
			}
			data <- bytes.Clone(f.Data)
		}
	}()
	return data, end
}

// expect waits for a frame that ends with text.
func expect(t *testing.T, data <-chan []byte, end <-chan error, text string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case b := <-data:
			if bytes.HasSuffix(b, []byte(text)) {
				return
			}
		case err := <-end:
			t.Fatalf("waiting for %q: %v", text, err)
		case <-timeout:
			t.Fatalf("waiting for %q in vain", text)
		}
	}
}

func TestInterfaceDownAndUp(t *testing.T) {
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers, " rings"), func(t *testing.T) {
			h := testnet.New(t)
			ifi, tap := h.Tap("tap0")
			l := listen(t, h, "tap0", &capture.Config{Workers: workers})
			data, end := frames(l)
			for i := range 3 {
				text := fmt.Sprint("hello", i)
				if _, err := tap.Write(datagram(nil, text)); err != nil {
					t.Fatal(err)
				}
				expect(t, data, end, text)
				ifi.Down()
				time.Sleep(20 * time.Millisecond)
				ifi.Up()
			}
			// Renamed while down, and gone while down.
			ifi.Down()
			ifi.Rename("tap1")
			ifi.Up()
			tap.Write(datagram(nil, "renamed"))
			expect(t, data, end, "renamed")
			ifi.Down()
			time.Sleep(20 * time.Millisecond)
			tap.Close()
			select {
			case err := <-end:
				if !errors.Is(err, capture.ErrInterfaceGone) {
					t.Fatal(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("no end")
			}
		})
	}
}

// What was captured before an interface goes is given out before the error.
func TestInterfaceGone(t *testing.T) {
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers, " rings"), func(t *testing.T) {
			h := testnet.New(t)
			_, tap := h.Tap("tap0")
			l := listen(t, h, "tap0", &capture.Config{Workers: workers, Direction: capture.Incoming})
			for range 100 {
				tap.Write(datagram(nil, "hello"))
			}
			tap.Close()
			var f capture.Frame
			for i := range 100 {
				if err := read1(l, &f); err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
			}
			for range 2 {
				if err := read1(l, &f); !errors.Is(err, capture.ErrInterfaceGone) {
					t.Fatal(err)
				}
			}
			if _, err := l.Stats(); err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Several interfaces end a capture with the last of them, though nothing wakes
// the reader.
func TestSeveralGone(t *testing.T) {
	for _, workers := range []int{1, 2} {
		h := testnet.New(t)
		_, tap0 := h.Tap("tap0")
		_, tap1 := h.Tap("tap1")
		l := listen(t, h, "tap0,tap1", &capture.Config{Workers: workers})
		data, end := frames(l)
		tap0.Close()
		tap1.Write(datagram(nil, "one is left"))
		expect(t, data, end, "one is left")
		tap1.Close()
		select {
		case err := <-end:
			if !errors.Is(err, capture.ErrInterfaceGone) || !strings.Contains(err.Error(), "tap0,tap1: ") {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("no end")
		}
	}
}

// A capture may begin on an interface that is down.
func TestListenDown(t *testing.T) {
	h := testnet.New(t)
	ifi, tap := h.Tap("tap0")
	ifi.Down()
	for _, workers := range []int{1, 2} {
		l := listen(t, h, "tap0", &capture.Config{Workers: workers})
		if w := l.Warnings(); len(w) == 0 || !strings.HasPrefix(w[0], "tap0 is down: ") {
			t.Errorf("warnings %q", w)
		}
		data, end := frames(l)
		time.Sleep(20 * time.Millisecond)
		ifi.Up()
		tap.Write(datagram(nil, "up"))
		expect(t, data, end, "up")
		ifi.Down()
		l.Close()
	}
}

func TestAnyLaterInterface(t *testing.T) {
	h := testnet.New(t)
	l := listen(t, h, capture.Any, nil)
	data, end := frames(l)
	for i := range 3 {
		ifi, tap := h.Tap(fmt.Sprint("tap", i))
		tap.Write(datagram(nil, ifi.Name))
		expect(t, data, end, ifi.Name)
		tap.Close()
	}
}

func TestSeveralInterfaces(t *testing.T) {
	h := testnet.New(t)
	var taps []*os.File
	for i := range 3 {
		_, tap := h.Tap(fmt.Sprint("tap", i))
		taps = append(taps, tap)
	}
	l := listen(t, h, "tap0,tap2", &capture.Config{Direction: capture.Incoming, Promiscuous: true})
	for range 50 {
		for i, tap := range taps {
			tap.Write(datagram(nil, fmt.Sprint("tap", i)))
		}
	}
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	var f capture.Frame
	for {
		err := read1(l, &f)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[string(f.Data[len(f.Data)-4:])+" "+l.Info().InterfaceName(f.Interface)]++
	}
	if len(got) != 2 || got["tap0 tap0"] != 50 || got["tap2 tap2"] != 50 {
		t.Errorf("%v", got)
	}
}

func TestDirection(t *testing.T) {
	a, b := testnet.New(t), testnet.New(t)
	ai, bi := testnet.Veth(t, a, b)
	there, back := udp(t, a, b, bi.IPv4), udp(t, b, a, ai.IPv4)
	for _, name := range []string{ai.Name, capture.Any} {
		for _, tt := range []struct {
			ask  capture.Direction
			want []capture.Direction
		}{
			{capture.DirectionUnknown, []capture.Direction{capture.Outgoing, capture.Incoming}},
			{capture.Incoming, []capture.Direction{capture.Incoming}},
			{capture.Outgoing, []capture.Direction{capture.Outgoing}},
		} {
			l := listen(t, a, name, &capture.Config{Filter: "udp", Direction: tt.ask})
			// Both sides send until all was seen: first ones may wait for ARP, or be lost.
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					fmt.Fprint(there, "there")
					fmt.Fprint(back, "back!")
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			})
			seen := map[capture.Direction]bool{}
			var f capture.Frame
			for n := 0; n < 10 || len(seen) < len(tt.want); n++ {
				if err := read1(l, &f); err != nil || !slices.Contains(tt.want, f.Direction) {
					t.Errorf("%s, %v: %v, %v, want %v", name, tt.ask, f.Direction, err, tt.want)
					break
				}
				seen[f.Direction] = true
			}
			close(stop)
			wg.Wait()
			l.Close()
		}
	}
	if _, err := capture.Listen("lo", &capture.Config{Direction: capture.Passing}); err == nil {
		t.Error("Passing was accepted")
	}
}

// A ring that is full drops, counts, tells since when, and goes on.
func TestDrops(t *testing.T) {
	h := testnet.New(t)
	l := listen(t, h, "lo", &capture.Config{Filter: "udp", BufferSize: 1, BlockSize: 128 << 10, Workers: 1})
	if got := l.BufferSize(); got != 256<<10 {
		t.Errorf("a buffer of %d bytes", got)
	}
	c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
	text := strings.Repeat("x", 1400)
	const n = 1000
	for range n {
		fmt.Fprint(c, text)
	}
	st, err := l.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if st.Received != n || st.Dropped == 0 || st.Dropped == n || st.Freezes == 0 || st.FirstDrop.IsZero() {
		t.Fatalf("%+v", st)
	}
	var f capture.Frame
	var last time.Time
	for range n - int(st.Dropped) {
		if err := read1(l, &f); err != nil {
			t.Fatal(err)
		}
		last = f.Time
	}
	if d := st.FirstDrop.Sub(last).Abs(); d > time.Microsecond {
		t.Errorf("first drop at %v, last frame before at %v", st.FirstDrop, last)
	}
	fmt.Fprint(c, "again")
	if err := read1(l, &f); err != nil || !bytes.HasSuffix(f.Data, []byte("again")) {
		t.Fatalf("%v, %q", err, f.Data)
	}
	st, err = l.Stats()
	if err != nil || st.Captured+st.Dropped != st.Received || st.Received != n+1 {
		t.Errorf("%+v, %v", st, err)
	}
}

// Frames on lo can be longer than any cable's.
func TestLongFrames(t *testing.T) {
	h := testnet.New(t)
	c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
	text := strings.Repeat("x", 65507)
	for _, name := range []string{"lo", capture.Any} {
		l := listen(t, h, name, nil)
		for range 20 {
			if _, err := fmt.Fprint(c, text); err != nil {
				t.Fatal(err)
			}
			var f capture.Frame
			if err := read1(l, &f); err != nil || len(f.Data) != f.Length || !bytes.HasSuffix(f.Data, []byte(text)) {
				t.Fatalf("%v, %d bytes of %d", err, len(f.Data), f.Length)
			}
		}
	}
}

// Data that is borrowed when another goroutine closes stays as it is, though
// the ring is gone.
func TestCloseWhileBorrowed(t *testing.T) {
	h := testnet.New(t)
	c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
	for range 20 {
		l := listen(t, h, capture.Any, &capture.Config{Filter: "udp"})
		for range 1000 {
			fmt.Fprint(c, "borrowed")
		}
		var f capture.Frame
		for range 500 {
			if err := read1(l, &f); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { l.Close() })
		for range 100 {
			if !bytes.HasSuffix(f.Data, []byte("borrowed")) || f.Data[0] != 8 {
				t.Fatalf("% x", f.Data)
			}
		}
		wg.Wait()
		if !bytes.HasSuffix(f.Data, []byte("borrowed")) || f.Data[0] != 8 {
			t.Fatalf("after Close: % x", f.Data)
		}
		if err := read1(l, &f); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
}

// Closing at any moment of a reader at work neither crashes nor hangs.
func TestCloseRace(t *testing.T) {
	h := testnet.New(t)
	c := udp(t, h, h, netip.MustParseAddr("127.0.0.1"))
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				fmt.Fprint(c, "racing")
			}
		}
	})
	defer func() { close(stop); sender.Wait() }()
	for i := range 24 {
		l := listen(t, h, []string{"lo", capture.Any}[i%2],
			&capture.Config{Filter: "udp", Workers: 1 + i%3, BufferSize: 2 << 20, BlockTimeout: time.Millisecond})
		var wg sync.WaitGroup
		read := func(s capture.Source) {
			var f capture.Frame
			for {
				if err := read1(s, &f); err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
					return
				}
				if !bytes.HasSuffix(f.Data, []byte("racing")) {
					t.Errorf("%q", f.Data)
				}
			}
		}
		if i%4 < 2 {
			wg.Go(func() { read(l) })
		} else {
			for _, s := range l.Shards() {
				wg.Go(func() { read(s) })
			}
		}
		wg.Go(func() { l.SetFilter("udp and not tcp") })
		wg.Go(func() { l.Stats() })
		time.Sleep(time.Duration(i%7) * time.Millisecond)
		for range 2 {
			wg.Go(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// A capture that has nothing to do uses no processor time to speak of.
func TestIdle(t *testing.T) {
	h := testnet.New(t)
	ifi, _ := h.Tap("tap0")
	ifi.Down()
	for _, name := range []string{capture.Any, "tap0"} {
		for _, workers := range []int{1, 2} {
			l := listen(t, h, name, &capture.Config{Workers: workers})
			go read1(l, new(capture.Frame))
		}
	}
	time.Sleep(50 * time.Millisecond)
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := cpu()
	time.Sleep(time.Second)
	used := cpu() - before
	t.Logf("%v of the processor in a second", used)
	if used > 200*time.Millisecond {
		t.Errorf("used %v of the processor in a second", used)
	}
}

// Without a capability the error says which, and what to do.
func TestUnprivileged(t *testing.T) {
	var wg sync.WaitGroup
	wg.Go(func() {
		// The thread ends with the goroutine, and so does the lack.
		runtime.LockOSThread()
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		none := make([]unix.CapUserData, 2)
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			t.Error(err)
			return
		}
		_, err := capture.Listen("lo", nil)
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("not permission denied: %v", err)
			return
		}
		for _, word := range []string{"CAP_NET_RAW", "setcap cap_net_raw+ep"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("no %q in %q", word, err)
			}
		}
		if strings.Contains(err.Error(), "/go-build") {
			t.Errorf("%q names a file that is gone when it is read", err)
		}
		_, err = capture.Listen("lo", &capture.Config{Namespace: "/proc/self/ns/net"})
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_SYS_ADMIN") {
			t.Errorf("namespace: %v", err)
		}
	})
	wg.Wait()
}

// A process id stands for its namespace.
func TestNamespaceOfProcess(t *testing.T) {
	testnet.Require(t)
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	// Only lo exists there, and it is down.
	_, err = capture.Listen("nosuch0", &capture.Config{Namespace: fmt.Sprint(cmd.Process.Pid)})
	if !errors.Is(err, capture.ErrNoInterface) || !strings.Contains(err.Error(), "there are any, lo)") {
		t.Error(err)
	}
}
