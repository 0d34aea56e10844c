package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/escape"
)

// Interfaces returns what can be captured in the order in which tcpdump -D
// numbers it: what is up and connected, what is not connected, [capture.Any],
// loopback, and the rest.
func Interfaces() ([]net.Interface, error) {
	list, err := capture.Interfaces()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b net.Interface) int { return rank(&a) - rank(&b) })
	return list, nil
}

func rank(i *net.Interface) int {
	switch {
	case i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0:
		return 4
	case i.Name == capture.Any:
		return 2
	case i.Flags&net.FlagLoopback != 0:
		return 3
	case carrier(i) == "Disconnected":
		return 1
	}
	return 0
}

// carrier says whether a cable is in, where an interface has one.
func carrier(i *net.Interface) string {
	if i.Flags&net.FlagLoopback != 0 || i.Name == capture.Any {
		return ""
	}
	b, err := os.ReadFile("/sys/class/net/" + i.Name + "/carrier")
	switch {
	case err != nil:
		return ""
	case strings.TrimSpace(string(b)) == "1":
		return "Connected"
	}
	return "Disconnected"
}

// InterfaceNumber returns the name of an interface by its number in the list,
// in decimal digits. It is "" where s is no such number.
func InterfaceNumber(list []net.Interface, s string) string {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > len(list) {
		return ""
	}
	return list[n-1].Name
}

// ListInterfaces prints the list as tcpdump -D does. any describes the
// interface of that name.
func ListInterfaces(w io.Writer, list []net.Interface, any string) error {
	for n := range list {
		i := &list[n]
		about := ""
		if i.Name == capture.Any {
			about = " (" + any + ")"
		}
		if _, err := fmt.Fprintf(w, "%d.%s%s [%s]\n", n+1, escape.String(i.Name), about, states(i)); err != nil {
			return err
		}
	}
	return nil
}

func states(i *net.Interface) string {
	var list []string
	add := func(ok bool, s string) {
		if ok {
			list = append(list, s)
		}
	}
	add(i.Flags&net.FlagUp != 0, "Up")
	add(i.Flags&net.FlagRunning != 0, "Running")
	add(i.Flags&net.FlagLoopback != 0, "Loopback")
	c := carrier(i)
	add(c != "", c)
	add(list == nil, "none")
	return strings.Join(list, ", ")
}
