// Package proxyproto reads the header of the PROXY protocol, versions 1 and 2
// (haproxy's doc/proxy-protocol.txt), with which a proxy tells a server, before
// anything else, whom it speaks for.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// A Header says between which addresses the proxied connection is. Both are
// invalid where it does not: in a health check of the proxy's own (LOCAL), and
// for what is neither IPv4 nor IPv6.
type Header struct {
	Source, Destination netip.AddrPort
}

const (
	line      = "PROXY "                   // begins version 1
	signature = "\r\n\r\n\x00\r\nQUIT\n"   // begins version 2
	maxLine   = 107                        // bytes of version 1, the line's end included
	fixed     = len(signature) + 1 + 1 + 2 // bytes of version 2 before the addresses
)

// Parse reads the header that b begins with. n is its length, which may be more
// than there is of b: what is missing tells no addresses. It is 0 where more of b
// is needed. Parse returns false for what is no header.
func Parse(b []byte) (h Header, n int, ok bool) {
	switch {
	case begins(b, line):
		return parseLine(b)
	case begins(b, signature):
		return parseBinary(b)
	}
	return Header{}, 0, false
}

// begins says whether b begins with s, as far as it reaches.
func begins(b []byte, s string) bool {
	n := min(len(b), len(s))
	return string(b[:n]) == s[:n]
}

// parseLine reads version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 40000 80".
func parseLine(b []byte) (h Header, n int, ok bool) {
	b = b[:min(len(b), maxLine)]
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return Header{}, 0, len(b) < maxLine
	}
	text, ok := strings.CutSuffix(string(b[:end]), "\r")
	if !ok {
		return Header{}, 0, false
	}
	words := strings.Split(text, " ")
	if words[1] == "UNKNOWN" {
		return Header{}, end + 1, true // what follows is to be ignored
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return Header{}, 0, false
	}
	six := words[1] == "TCP6"
	from, ok1 := address(words[2], words[4], six)
	to, ok2 := address(words[3], words[5], six)
	if !ok1 || !ok2 {
		return Header{}, 0, false
	}
	return Header{from, to}, end + 1, true
}

// address reads an address without a zone, and a port.
func address(addr, port string, six bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is6() != six || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	p, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a, uint16(p)), err == nil
}

// parseBinary reads version 2.
func parseBinary(b []byte) (h Header, n int, ok bool) {
	if len(b) < fixed {
		const version, mask, commands = 0x20, 0xf0, 2
		at := len(signature)
		return Header{}, 0, len(b) <= at || b[at]&mask == version && b[at]&^mask < commands
	}
	b, rest := b[len(signature):fixed], b[fixed:]
	n = fixed + int(binary.BigEndian.Uint16(b[2:]))
	size, has := 0, n-fixed
	switch family := b[1] >> 4; {
	case b[0] == 0x20: // LOCAL
		return Header{}, n, true
	case b[0] != 0x21:
		return Header{}, 0, false
	case family == 1:
		size = 4
	case family == 2:
		size = 16
	default: // AF_UNSPEC, AF_UNIX, and what may come: no addresses of ours
		return Header{}, n, true
	}
	switch need := 2 * (size + 2); {
	case has < need:
		return Header{}, 0, false
	case len(rest) < need:
		return Header{}, 0, true
	}
	at := func(addr, port int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(rest[addr : addr+size])
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(rest[port:]))
	}
	return Header{at(0, 2*size), at(size, 2*size+2)}, n, true
}
