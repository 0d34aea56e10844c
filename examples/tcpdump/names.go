package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// names turns addresses and ports to text: numbers under -n, otherwise names
// where the system knows them.
type names struct {
	numeric, short bool
	hosts          map[netip.Addr]string
	ports          map[string]string // "80/tcp" to "http"
	ifaces         map[uint32]string
}

func newNames(o *options) *names {
	n := &names{numeric: o.n > 0, short: o.N, hosts: make(map[netip.Addr]string), ifaces: make(map[uint32]string)}
	if !n.numeric {
		n.ports = services("/etc/services")
	}
	return n
}

// services reads services(5). The first name of a port counts.
func services(file string) map[string]string {
	ports := make(map[string]string)
	f, err := os.Open(file)
	if err != nil {
		return ports // numbers, then
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if _, ok := ports[fields[1]]; !ok {
			ports[fields[1]] = fields[0]
		}
	}
	return ports
}

func (n *names) port(port uint16, proto string) string {
	number := strconv.Itoa(int(port))
	if s, ok := n.ports[number+"/"+proto]; ok {
		return s
	}
	return number
}

func (n *names) host(a netip.Addr) string {
	if s, ok := n.hosts[a]; ok {
		return s
	}
	s := numeric(a)
	if !n.numeric {
		if found, err := net.LookupAddr(a.Unmap().String()); err == nil && len(found) > 0 {
			s = strings.TrimSuffix(found[0], ".")
			if n.short {
				s, _, _ = strings.Cut(s, ".")
			}
		}
	}
	if len(n.hosts) >= 1<<18 {
		clear(n.hosts) // somebody scans
	}
	n.hosts[a] = s
	return s
}

// numeric is an address as inet_ntop(3) writes it: also IPv4-compatible
// addresses end in a dotted quad.
func numeric(a netip.Addr) string {
	if a.Is4() || a.Is4In6() {
		return a.String()
	}
	b := a.As16()
	if tail := binary.BigEndian.Uint32(b[12:]); [12]byte(b[:12]) == [12]byte{} && tail > 0xffff {
		return fmt.Sprintf("::%d.%d.%d.%d", b[12], b[13], b[14], b[15])
	}
	return a.String()
}

func (p *printer) ip4(off int) string {
	return p.names.host(netip.AddrFrom4([4]byte(p.bytes(off, 4))))
}

func (p *printer) ip6(off int) string {
	return p.names.host(netip.AddrFrom16([16]byte(p.bytes(off, 16))))
}

func (p *printer) tcpPort(port uint16) string { return p.names.port(port, "tcp") }
func (p *printer) udpPort(port uint16) string { return p.names.port(port, "udp") }

// mac writes a hardware address, with its maker unless -n was given.
func (p *printer) mac(b []byte) string {
	s := net.HardwareAddr(b).String()
	if p.names.numeric || len(b) != 6 {
		return s
	}
	return fmt.Sprintf("%s (oui %s)", s, word(makers, uint32(b[0])<<16|uint32(b[1])<<8|uint32(b[2]), "Unknown"))
}
