package main

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/capture"
)

// interfaces returns the interfaces in tcpdump's order: those that are up
// first, loopback last among its likes, any before it.
func interfaces() ([]net.Interface, error) {
	ifs, err := capture.Interfaces()
	if err != nil {
		return nil, err
	}
	rank := func(i net.Interface) int {
		switch {
		case i.Name == capture.Any:
			return 2
		case i.Flags&net.FlagUp == 0:
			return 4
		case i.Flags&net.FlagLoopback != 0:
			return 3
		case i.Flags&net.FlagRunning == 0:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ifs, func(a, b net.Interface) int { return rank(a) - rank(b) })
	return ifs, nil
}

// interfaceNumber finds the interface that -D lists under a number.
func interfaceNumber(s string) (string, bool) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return "", false
	}
	ifs, err := interfaces()
	if err != nil || n < 1 || n > len(ifs) {
		return "", false
	}
	return ifs[n-1].Name, true
}

func listInterfaces(w io.Writer) error {
	ifs, err := interfaces()
	if err != nil {
		return err
	}
	for n, i := range ifs {
		var flags []string
		for _, f := range []struct {
			flag net.Flags
			name string
		}{{net.FlagUp, "Up"}, {net.FlagRunning, "Running"}, {net.FlagLoopback, "Loopback"}} {
			if i.Flags&f.flag != 0 {
				flags = append(flags, f.name)
			}
		}
		if flags == nil {
			flags = []string{"none"}
		}
		about := ""
		if i.Name == capture.Any {
			about = " (all interfaces)"
		}
		if _, err := fmt.Fprintf(w, "%d.%s%s [%s]\n", n+1, quoteArg(i.Name), about, strings.Join(flags, ", ")); err != nil {
			return err
		}
	}
	return nil
}
