package filter

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A resolver turns names into numbers. The files are those of the machine;
// where it has none, a small table of well-known names serves.
type resolver interface {
	hosts(name string) ([]netip.Addr, error)
	service(name, proto string) (port uint32, ok bool)
	protocol(name string) (number uint32, ok bool)
	network(name string) (addr uint32, ok bool)
	ether(name string) (addr []byte, ok bool)
}

// system is the resolver of this machine.
type system struct{}

func (system) hosts(name string) ([]netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", name)
	for i, a := range addrs {
		addrs[i] = a.Unmap()
	}
	return addrs, err
}

func (system) service(name, proto string) (uint32, bool) {
	if v, ok := scan("/etc/services", func(f []string) (uint32, bool) {
		port, p, ok := strings.Cut(f[1], "/")
		if !ok || p != proto || !named(f, name) {
			return 0, false
		}
		v, err := strconv.ParseUint(port, 10, 16)
		return uint32(v), err == nil
	}); ok {
		return v, true
	}
	return wellKnownService(name, proto)
}

func wellKnownService(name, proto string) (uint32, bool) {
	for _, s := range wellKnownServices {
		if (s.proto == proto || s.proto == "") && slices.Contains(strings.Fields(s.names), name) {
			return s.port, true
		}
	}
	return 0, false
}

func (system) protocol(name string) (uint32, bool) {
	if v, ok := scan("/etc/protocols", func(f []string) (uint32, bool) {
		if !named(f, name) {
			return 0, false
		}
		v, err := strconv.ParseUint(f[1], 10, 8)
		return uint32(v), err == nil
	}); ok {
		return v, true
	}
	return wellKnownProtocol(name)
}

func wellKnownProtocol(name string) (uint32, bool) {
	v, ok := wellKnownProtocols[strings.ToLower(name)]
	return v, ok
}

func (system) network(name string) (uint32, bool) {
	return scan("/etc/networks", func(f []string) (uint32, bool) {
		if !named(f, name) {
			return 0, false
		}
		var v uint64
		for part := range strings.SplitSeq(f[1], ".") {
			n, err := strconv.ParseUint(part, 10, 8)
			if err != nil {
				return 0, false
			}
			v = v<<8 | n
		}
		return uint32(v), true
	})
}

func (system) ether(name string) (addr []byte, ok bool) {
	_, ok = scan("/etc/ethers", func(f []string) (uint32, bool) {
		if macRun(f[0]) != len(f[0]) || f[1] != name {
			return 0, false
		}
		addr = macBytes(f[0])
		return 0, true
	})
	return addr, ok
}

// named says whether a line's name or one of its aliases, which stand behind
// the value, is name.
func named(f []string, name string) bool {
	if f[0] == name {
		return true
	}
	for _, alias := range f[2:] {
		if alias == name {
			return true
		}
	}
	return false
}

// scan looks through a file of lines with at least two fields and comments
// behind '#', until match says that it has found the value.
func scan(path string, match func(fields []string) (uint32, bool)) (uint32, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	return scanLines(f, match)
}

func scanLines(r io.Reader, match func(fields []string) (uint32, bool)) (uint32, bool) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		line, _, _ := strings.Cut(s.Text(), "#")
		if f := strings.Fields(line); len(f) >= 2 {
			if v, ok := match(f); ok {
				return v, true
			}
		}
	}
	return 0, false
}
