package websocket

import (
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/frame"
)

// countPlain counts the messages that b begins with about which counters tell all:
// one frame each, at hand whole, text or binary, neither compressed nor cut nor
// disputed. It is for a pipeline that gives nothing out, and for connections that
// nobody wants, and takes a fifth of what [socket.whole] does (BenchmarkCount): a
// segment's messages are added up first, and the memory of counters is touched once.
// It returns how many bytes it took.
func (k *socket) countPlain(dir Direction, h *half, b []byte, t time.Time) int {
	if h.open != nil || h.nhead|h.probation > 0 || h.rare != nil && (len(h.conflicts) > 0 || h.told != nil) {
		return 0
	}
	p, taken := k.p, 0
	p.lock() // held already where nothing is given out
	for rest := b; ; rest = b[taken:] {
		r := frame.ReadRun(rest, p.maxMessage)
		if r.Size == 0 {
			break
		}
		taken += r.Size
		h.usual = r.First
		if k.unwanted {
			p.counts.Unselected += uint64(r.Text + r.Binary)
		} else {
			p.counts.Messages += uint64(r.Text + r.Binary)
		}
		p.counts.PayloadBytes += uint64(r.Bytes)
		p.counts.HeaderBytes += uint64(r.Size - r.Bytes)
		k.tallies[dir&1].run(&p.total.tallies[dir&1], &r, t)
		if r.Doubt == 0 {
			break
		}
		if !k.unwanted && !p.validText(b[taken-r.Doubt:taken]) {
			k.needMore().counts[dir&1].InvalidUTF8++
			p.total.needMore().counts[dir&1].InvalidUTF8++
		}
	}
	p.unlock()
	h.offset += int64(taken)
	return taken
}

// run adds messages that ended at t to a connection's tally and to that of all, which
// has every other one's.
func (n *tally) run(total *tally, r *frame.Run, t time.Time) {
	if uint32(r.Largest) > n.largest {
		n.largest = uint32(r.Largest)
		total.largest = max(total.largest, n.largest)
	}
	n.ended.add(t)
	total.ended.set(n.ended.lastSec, n.ended.lastNsec)
	n.text += uint64(r.Text)
	n.binary += uint64(r.Binary)
	n.bytes += uint64(r.Bytes)
	total.text += uint64(r.Text)
	total.binary += uint64(r.Binary)
	total.bytes += uint64(r.Bytes)
}

// validText says that the payload of the frame b is UTF-8.
func (p *pipeline) validText(b []byte) bool {
	var f frame.Header
	b = b[f.Parse(b):]
	p.plain = grow(p.plain, len(b))
	frame.Mask(p.plain, b, f.Key)
	return utf8.Valid(p.plain[:len(b)])
}
