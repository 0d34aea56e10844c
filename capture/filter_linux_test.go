package capture_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/internal/testnet"
)

func TestFilterError(t *testing.T) {
	h := testnet.New(t)
	var ferr *filter.Error
	if _, err := capture.Listen("lo", &capture.Config{Namespace: h.Path(), Filter: "tcp port"}); !errors.As(err, &ferr) {
		t.Errorf("Listen: %v", err)
	}
	l := listen(t, h, "lo", &capture.Config{Filter: "udp"})
	if err := l.SetFilter("tcp port"); !errors.As(err, &ferr) {
		t.Errorf("SetFilter: %v", err)
	}
}

// After SetFilter only what the new filter wants is given out, be it in the
// ring already, in the block that is being read, or still to come; and of
// frames that both filters want none is lost.
func TestSetFilter(t *testing.T) {
	h := testnet.New(t)
	for _, name := range []string{"lo", capture.Any} {
		t.Run(name, func(t *testing.T) {
			a, b, c := udp(t, h, h, netip.MustParseAddr("127.0.0.1")), udp(t, h, h, netip.MustParseAddr("127.0.0.1")),
				udp(t, h, h, netip.MustParseAddr("::1"))
			port := func(c *net.UDPConn) int { return c.RemoteAddr().(*net.UDPAddr).Port }
			l := listen(t, h, name, &capture.Config{Filter: fmt.Sprintf("udp port %d or udp port %d", port(a), port(b))})
			both := fmt.Sprintf("udp port %d or udp port %d", port(b), port(c))
			const rounds = 2000
			send := func(from, to int) {
				for i := from; i < to; i++ {
					fmt.Fprintf(a, "a%06d", i)
					fmt.Fprintf(b, "b%06d", i)
					fmt.Fprintf(c, "c%06d", i)
				}
			}
			var f capture.Frame
			tail := func() string { return string(f.Data[len(f.Data)-7:]) }

			send(0, rounds)
			for _, want := range []string{"a000000", "b000000", "a000001"} {
				if err := read1(l, &f); err != nil || tail() != want {
					t.Fatalf("%v: %q, want %q", err, tail(), want)
				}
			}
			// While it changes, frames arrive.
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				send(rounds, 2*rounds)
			}()
			if err := l.SetFilter(both); err != nil {
				t.Fatal(err)
			}
			<-sent
			send(2*rounds, 3*rounds)
			if err := l.Stop(); err != nil {
				t.Fatal(err)
			}
			nextB, nextC := 1, 0
			for {
				err := read1(l, &f)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				var n int
				fmt.Sscanf(tail()[1:], "%d", &n)
				switch tail()[0] {
				case 'b':
					if n != nextB {
						t.Fatalf("b%d, want b%d", n, nextB)
					}
					nextB++
				case 'c':
					if n < rounds || nextC != 0 && n != nextC {
						t.Fatalf("c%d, want c%d", n, nextC)
					}
					nextC = n + 1
				default:
					t.Fatalf("%q passed the new filter", tail())
				}
			}
			if nextB != 3*rounds || nextC != 3*rounds {
				t.Errorf("b until %d, c until %d, want %d", nextB, nextC, 3*rounds)
			}
			st, err := l.Stats()
			if err != nil || st.Dropped != 0 || st.Skipped == 0 || st.Captured+st.Skipped != st.Received {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
}

// A long filter works, and one that is too long says so.
func TestLongFilter(t *testing.T) {
	h := testnet.New(t)
	hosts := func(n int) string {
		var b strings.Builder
		b.WriteString("udp and (dst host 127.0.0.1")
		for i := range n {
			fmt.Fprintf(&b, " or src host 10.%d.%d.1", i>>8, i&255)
		}
		return b.String() + ")"
	}
	for _, n := range []int{1, 300, 1000, 3000} {
		l, err := capture.Listen("lo", &capture.Config{Namespace: h.Path(), Filter: hosts(n)})
		if err != nil {
			t.Logf("%d hosts: %v", n, err)
			if n <= 300 || !strings.Contains(err.Error(), "instructions") {
				t.Error(err)
			}
			continue
		}
		fmt.Fprint(udp(t, h, h, netip.MustParseAddr("127.0.0.1")), "hello")
		var f capture.Frame
		if err := read1(l, &f); err != nil {
			t.Error(err)
		}
		l.Close()
	}
}
