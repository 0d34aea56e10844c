package capture_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/testnet"
)

// One of several interfaces that goes is told, and one that comes back under its
// name is captured again, with the filter of the time.
func TestMemberComesBack(t *testing.T) {
	for _, workers := range []int{1, 2} {
		h := testnet.New(t)
		_, tap0 := h.Tap("tap0")
		_, tap1 := h.Tap("tap1")
		changes := make(chan string, 10)
		l := listen(t, h, "tap0,tap1", &capture.Config{Workers: workers, Promiscuous: true, Changed: func(name string, present bool) {
			changes <- fmt.Sprint(name, " ", present)
		}})
		told := func(want string) {
			t.Helper()
			select {
			case got := <-changes:
				if got != want {
					t.Errorf("told %q, want %q", got, want)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("not told %q", want)
			}
		}
		if err := l.SetFilter("udp"); err != nil {
			t.Fatal(err)
		}
		data, end := frames(l)
		for range 2 {
			tap0.Close()
			told("tap0 false")
			tap1.Write(datagram(nil, "one is left"))
			expect(t, data, end, "one is left")
			_, tap0 = h.Tap("tap0")
			told("tap0 true")
			tap0.Write(datagram(nil, "back again"))
			expect(t, data, end, "back again")
		}
		tap0.Close()
		tap1.Close()
		select {
		case err := <-end:
			if !errors.Is(err, capture.ErrInterfaceGone) {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("no end")
		}
	}
}
