package reassembly

import "github.com/wstap/wstap/decode"

// An endpoints remembers addresses with ports, as well as it can in little memory:
// each has a place, by its hash, that it shares with the last other one. Few share
// it, so that what is guessed of a small capture does not depend on the seed.
type endpoints [1 << 9][2]uint32

func (e *endpoints) add(hash uint32) {
	if p := &e[hash%uint32(len(e))]; p[0] != hash {
		p[0], p[1] = hash, p[0]
	}
}

func (e *endpoints) has(hash uint32) bool {
	p := &e[hash%uint32(len(e))]
	return p[0] == hash || p[1] == hash
}

// guessClient works out the client of a flow picked up mid-stream, whose first
// packet with data is p, sent by side 0. In this order it believes in HTTP, in
// handshakes that were seen with one of the two, in whom others talk to as
// well, and in port numbers.
func (a *Assembler) guessClient(f *Flow, p *decode.Packet) {
	e := [2]uint32{f.endpoint(0, &a.seed), f.endpoint(1, &a.seed)}
	server := 1
	switch {
	case hasPrefix(p.Payload, "GET ") || hasPrefix(p.Payload, "CONNECT "):
	case hasPrefix(p.Payload, "HTTP/1."):
		server = 0
	case a.servers.has(e[0]) != a.servers.has(e[1]):
		if a.servers.has(e[0]) {
			server = 0
		}
	case a.picked.has(e[0]) != a.picked.has(e[1]):
		if a.picked.has(e[0]) {
			server = 0
		}
	case serverLike(f.addr(0).Port()) < serverLike(f.addr(1).Port()):
		server = 0
	}
	a.picked.add(e[0])
	a.picked.add(e[1])
	if server == 0 {
		f.flags |= clientIsB
	}
}

// serverLike orders ports by how likely a server has them, smaller is likelier:
// system ports, then user ports, then those that stacks give to clients
// (RFC 6335; Linux begins its range at 32768); among equals the smaller.
func serverLike(port uint16) int {
	class := 0
	switch {
	case port >= 32768:
		class = 2
	case port >= 1024:
		class = 1
	}
	return class<<16 | int(port)
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }
