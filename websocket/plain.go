package websocket

import (
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/frame"
)

// The first byte of a message that is one frame, without reserved bits.
const (
	wholeText   = 0x80 | frame.Text
	wholeBinary = 0x80 | frame.Binary
)

// countPlain counts the messages that b begins with about which counters tell all:
// one frame each, at hand whole, text or binary, neither compressed nor cut nor
// disputed. It is for a pipeline that gives nothing out, and for connections that
// nobody wants, and takes a third of what [socket.whole] does: a segment's messages
// are added up first, and the memory of counters is touched once. It returns how many
// bytes it took.
func (k *socket) countPlain(dir Direction, h *half, b []byte, t time.Time) int {
	if h.left > 0 || h.nhead > 0 || h.probation > 0 || h.data != nil || h.rare != nil && (len(h.conflicts) > 0 || h.told != nil) {
		return 0
	}
	p, rest := k.p, b
	var n sums
	var invalid uint64
	var f frame.Header
	for {
		size := f.Parse(rest)
		if size == 0 || f.First != wholeText && f.First != wholeBinary || f.Length > int64(min(len(rest)-size, p.maxMessage)) {
			break
		}
		payload := rest[size:][:f.Length]
		rest = rest[size+len(payload):]
		h.usual = f.First
		if f.First == wholeBinary {
			n.binary++
		} else if n.text++; !k.unwanted && !frame.ASCII(payload, f.Key) && !p.validText(payload, f.Key) {
			invalid++
		}
		n.bytes += uint64(len(payload))
		n.largest = max(n.largest, len(payload))
	}
	taken := len(b) - len(rest)
	if taken == 0 {
		return 0
	}
	h.offset += int64(taken)
	n.wire = n.bytes
	if k.unwanted {
		p.counts.Unselected += n.text + n.binary
	} else {
		p.counts.Messages += n.text + n.binary
	}
	p.counts.PayloadBytes += n.bytes
	p.counts.HeaderBytes += uint64(taken) - n.bytes
	p.lock()
	k.needTraffic().tallies[dir&1].add(&n, t)
	p.total.tallies[dir&1].add(&n, t)
	if invalid > 0 {
		k.traffic.needMore().counts[dir&1].InvalidUTF8 += invalid
		p.total.needMore().counts[dir&1].InvalidUTF8 += invalid
	}
	p.unlock()
	return taken
}

// validText says that b, unmasked, is UTF-8.
func (p *pipeline) validText(b []byte, key uint32) bool {
	p.plain = grow(p.plain, len(b))
	frame.Mask(p.plain, b, key)
	return utf8.Valid(p.plain[:len(b)])
}
