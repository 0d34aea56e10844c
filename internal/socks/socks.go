// Package socks reads what stands before the data of a connection through a
// SOCKS proxy: versions 4 and 4A, and version 5 (RFC 1928) with or without a
// username and password (RFC 1929). It knows the request CONNECT, behind which
// the connection is the client's and the target's.
package socks

import "bytes"

// A Dialogue is what the client and the proxy have said to each other.
type Dialogue struct {
	Client, Server int  // bytes of each
	Over           bool // all of it was said
	Refused        bool // with an answer that is a no
}

// The versions, which each message begins with.
const (
	version4    = 4
	version5    = 5
	versionAuth = 1 // of the exchange of username and password
)

const (
	connect = 1 // the request
	granted = 90
	refused = 91 // this to 93

	methodNone     = 0
	methodPassword = 2
	methodRefused  = 0xff

	addrIPv4   = 1
	addrDomain = 3
	addrIPv6   = 4

	maxString = 255 // bytes of a name that is believed
)

// Parse reads what each side has sent so far. It returns false for what is no
// such dialogue. Until the dialogue is over, Client and Server say how far it was
// understood.
func Parse(client, server []byte) (d Dialogue, ok bool) {
	if len(client) == 0 {
		return d, len(server) == 0 || server[0] == 0 || server[0] == version5
	}
	p := parser{said: [2][]byte{client, server}, ok: true}
	switch client[0] {
	case version4:
		p.four()
	case version5:
		p.five()
	default:
		return d, false
	}
	return p.Dialogue, p.ok
}

// A parser goes along the dialogue. Each step reports whether it was whole.
type parser struct {
	Dialogue
	said [2][]byte // by each side, what was not read yet
	ok   bool
}

const (
	client = iota
	server
)

// need reports whether a side has sent n bytes more.
func (p *parser) need(side, n int) bool { return len(p.said[side]) >= n }

// take reads n bytes of a side.
func (p *parser) take(side, n int) {
	p.said[side] = p.said[side][n:]
	if side == client {
		p.Client += n
	} else {
		p.Server += n
	}
}

// bad says that this is no dialogue.
func (p *parser) bad() bool {
	p.ok = false
	return false
}

// is reports whether a side's message begins with these bytes, as far as it reaches.
func (p *parser) is(side int, want ...byte) bool {
	n := min(len(p.said[side]), len(want))
	return bytes.Equal(p.said[side][:n], want[:n]) || p.bad()
}

// four reads SOCKS 4: the address, the user's name, and in 4A, where the address
// is none, the target's name; then the answer.
func (p *parser) four() {
	b := p.said[client]
	if !p.is(client, version4, connect) || !p.is(server, 0) || !p.need(client, 8) {
		return
	}
	named := b[4] == 0 && b[5] == 0 && b[6] == 0 && b[7] != 0
	p.take(client, 8)
	if !p.text() || named && !p.text() || !p.need(server, 2) {
		return
	}
	switch code := p.said[server][1]; {
	case code == granted:
	case code > granted && code <= refused+2:
		p.Over, p.Refused = true, true
		return
	default:
		p.bad()
		return
	}
	if p.need(server, 8) {
		p.take(server, 8)
		p.Over = true
	}
}

// text reads a string of the client's that a zero ends.
func (p *parser) text() bool {
	b := p.said[client]
	n := bytes.IndexByte(b, 0)
	if n > maxString || n < 0 && len(b) > maxString {
		return p.bad()
	}
	if n < 0 {
		return false
	}
	p.take(client, n+1)
	return true
}

// five reads SOCKS 5.
func (p *parser) five() {
	if p.method() && p.request(client, connect) && p.answer() {
		p.Over = true
	}
}

// method reads the client's methods, the one that the server chose, and what it
// asks for. It reports whether the request is next.
func (p *parser) method() bool {
	b := p.said[client]
	if !p.is(server, version5) || !p.need(client, 2) {
		return false
	}
	n := int(b[1])
	if n == 0 {
		return p.bad()
	}
	if !p.need(client, 2+n) {
		return false
	}
	offered := b[2 : 2+n]
	p.take(client, 2+n)
	if !p.need(server, 2) {
		return false
	}
	chosen := p.said[server][1]
	switch p.take(server, 2); {
	case chosen == methodRefused:
		p.Over, p.Refused = true, true
		return false
	case bytes.IndexByte(offered, chosen) < 0:
		return p.bad()
	case chosen == methodNone:
		return true
	case chosen == methodPassword:
		return p.password()
	}
	return p.bad() // what follows is the method's own
}

// password reads the username, the password and what the server says to them.
func (p *parser) password() bool {
	b := p.said[client]
	if !p.is(client, versionAuth) || !p.need(client, 2) {
		return false
	}
	name := 2 + int(b[1])
	if !p.need(client, name+1) {
		return false
	}
	n := name + 1 + int(b[name])
	if !p.need(client, n) {
		return false
	}
	p.take(client, n)
	if !p.need(server, 2) {
		return false
	}
	// Some answer with the version of SOCKS.
	version, status := p.said[server][0], p.said[server][1]
	if version != versionAuth && version != version5 {
		return p.bad()
	}
	p.take(server, 2)
	if status != 0 {
		p.Over, p.Refused = true, true
		return false
	}
	return true
}

// answer reads the answer to the request.
func (p *parser) answer() bool {
	if !p.is(server, version5) || !p.need(server, 2) {
		return false
	}
	code := p.said[server][1]
	if code > 8 {
		return p.bad()
	}
	if code != 0 { // the address behind it tells nothing
		p.Over, p.Refused = true, true
		return false
	}
	return p.request(server, code)
}

// request reads a message that ends with an address: the request, or its answer.
func (p *parser) request(side int, code byte) bool {
	b := p.said[side]
	if !p.is(side, version5, code, 0) || !p.need(side, 5) {
		return false
	}
	n := 0
	switch b[3] {
	case addrIPv4:
		n = 4
	case addrIPv6:
		n = 16
	case addrDomain:
		n = 1 + int(b[4])
	default:
		return p.bad()
	}
	if n += 4 + 2; !p.need(side, n) {
		return false
	}
	p.take(side, n)
	return true
}
