package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/wstap/wstap/capture"
)

// interfaces lists what can be captured, the likeliest first: those that are
// up and connected, then all at once, loopback, and the rest.
func interfaces() ([]net.Interface, error) {
	list, err := capture.Interfaces()
	if err != nil {
		return nil, err
	}
	rank := func(i net.Interface) int {
		switch {
		case i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0:
			return 4
		case i.Name == capture.Any:
			return 2
		case i.Flags&net.FlagLoopback != 0:
			return 3
		case connection(i) == "Disconnected":
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b net.Interface) int { return rank(a) - rank(b) })
	return list, nil
}

// connection says whether a cable is in, where an interface has one.
func connection(i net.Interface) string {
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

func (s *session) listInterfaces() error {
	list, err := interfaces()
	if err != nil {
		return err
	}
	for n, i := range list {
		about := ""
		if i.Name == capture.Any {
			about = " (Pseudo-device that captures on all interfaces)"
		}
		state := strings.Join(states(i), ", ")
		if state == "" {
			state = "none"
		}
		fmt.Fprintf(plain{s.stdout}, "%d.%s%s [%s]\n", n+1, i.Name, about, state)
	}
	return nil
}

func states(i net.Interface) []string {
	var list []string
	add := func(ok bool, s string) {
		if ok {
			list = append(list, s)
		}
	}
	add(i.Flags&net.FlagUp != 0, "Up")
	add(i.Flags&net.FlagRunning != 0, "Running")
	add(i.Flags&net.FlagLoopback != 0, "Loopback")
	if c := connection(i); c != "" {
		list = append(list, c)
	}
	return list
}
