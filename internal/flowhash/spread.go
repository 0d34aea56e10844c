// Package flowhash has the hashes of a connection's addresses and ports, which are
// the same for both directions.
//
// [Connection] and [Hosts] divide connections among readers, of rings and of files.
// The kernel has to come to the same result in classic BPF, whose numbers have 32
// bits: whoever sends the packets can aim at one reader. A [Seed] is for tables,
// where that would make look-ups slow: nobody can aim who does not know it.
package flowhash

import (
	"encoding/binary"

	"github.com/wstap/wstap/decode"
)

// Factor is what Connection and Hosts multiply by: 2^32 by the golden ratio
// (Knuth 6.4).
const Factor = 0x9e3779b1

// Bits is how many bits Connection and Hosts return.
const Bits = 16

// Connection returns the hash of what goes between two hosts and two ports. addrs is
// the exclusive or of all 32-bit words of both addresses and ports that of both
// ports, as numbers and not as a little-endian machine has them in memory.
func Connection(addrs uint32, ports uint16) uint32 {
	return Hosts(addrs*Factor ^ uint32(ports))
}

// Hosts returns the hash of what goes between two hosts.
func Hosts(addrs uint32) uint32 { return addrs * Factor >> (32 - Bits) }

// Packet returns the hash of a packet: for TCP that of the connection, which for a
// fragment only the first one tells; for all else that of the hosts, tunnels
// included, since the two directions of one have other ports; 0 for what is not IP.
func Packet(p *decode.Packet) uint32 {
	if p.IPVersion == 0 {
		return 0
	}
	addrs := addresses(p)
	if p.Proto == decode.ProtoTCP && (p.TCP || p.Fragment && p.FragmentOffset == 0) {
		return Connection(addrs, p.SrcPort^p.DstPort)
	}
	return Hosts(addrs)
}

// addresses folds the addresses of an IP packet.
func addresses(p *decode.Packet) uint32 {
	b := p.Data[p.NetworkOffset:]
	if p.IPVersion == 4 {
		return binary.BigEndian.Uint32(b[12:]) ^ binary.BigEndian.Uint32(b[16:])
	}
	b = b[8:40]
	v := binary.BigEndian.Uint64(b) ^ binary.BigEndian.Uint64(b[8:]) ^ binary.BigEndian.Uint64(b[16:]) ^ binary.BigEndian.Uint64(b[24:])
	return uint32(v>>32) ^ uint32(v)
}
