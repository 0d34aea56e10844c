package cli

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture"
)

const up = net.FlagUp | net.FlagRunning

// TestOrder: the order decides the numbers of -i.
func TestOrder(t *testing.T) {
	list := []net.Interface{
		{Name: "down0"}, {Name: "up0", Flags: net.FlagUp}, {Name: "lo0", Flags: up | net.FlagLoopback},
		{Name: capture.Any, Flags: up}, {Name: "eth0", Flags: up}, {Name: "eth1", Flags: up},
	}
	slices.SortStableFunc(list, func(a, b net.Interface) int { return rank(&a) - rank(&b) })
	var names []string
	for n, i := range list {
		names = append(names, i.Name)
		if got := InterfaceNumber(list, string(rune('1'+n))); got != i.Name {
			t.Errorf("%d is %q, not %q", n+1, got, i.Name)
		}
	}
	if got, want := strings.Join(names, " "), "eth0 eth1 any lo0 down0 up0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, s := range []string{"", "0", "-1", "7", "eth0", "1 ", "99999999999999999999"} {
		if got := InterfaceNumber(list, s); got != "" {
			t.Errorf("%q is %s", s, got)
		}
	}
}

// fullAfter takes so many writes.
type fullAfter int

var errFull = errors.New("no space left")

func (f *fullAfter) Write(b []byte) (int, error) {
	if *f--; *f < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestListInterfaces(t *testing.T) {
	list := []net.Interface{
		{Name: capture.Any, Flags: up}, {Name: "lo\x1b[2J", Flags: up | net.FlagLoopback}, {Name: "down0"},
	}
	var out strings.Builder
	err := ListInterfaces(&out, list, "all of them")
	if want := "1.any (all of them) [Up, Running]\n2.lo\\x1b[2J [Up, Running, Loopback]\n3.down0 [none]\n"; err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := ListInterfaces(new(fullAfter), list, ""); err != errFull {
		t.Errorf("a full disk: %v", err)
	}
}

func TestInterfaces(t *testing.T) {
	list, err := Interfaces()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil || !slices.ContainsFunc(list, func(i net.Interface) bool { return i.Name == capture.Any }) {
		t.Errorf("%v, %v", list, err)
	}
}
