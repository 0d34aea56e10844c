package websocket

import (
	"time"

	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/inflate"
)

// An assembly collects the payload of a message from frames and segments.
type assembly struct {
	buf        []byte
	left       int64     // payload bytes of the frame in progress that are to come; 0: there is none
	key        uint32    // for the next one, 0 where there is none
	within     *assembly // of a control frame: the message that it stands in
	start      time.Time
	begin      int64 // offset of the first header in the stream
	wire       int64
	frames     int
	opcode     Opcode
	rsv        byte
	compressed bool
	truncated  bool
	full       bool // a limit was met: the rest is left out
	badMask    bool
	violations Violations
	fin        bool // the frame in progress is the last one
	packed     bool // it is compressed by itself
	from       int  // where in buf its payload begins
	unpacked   bool // a frame was
	undecoded  bool // a frame could not be inflated
	text       frame.UTF8
}

// append adds the next piece of the frame in progress.
func (a *assembly) append(p *pipeline, b []byte) {
	a.add(p, b, a.key, a.left)
	a.key = frame.Rotate(a.key, int64(len(b)))
	a.left -= int64(len(b))
}

// add adds a piece of a frame's payload, of which left bytes are to come,
// this piece included. Beyond the limits it is cut.
func (a *assembly) add(p *pipeline, b []byte, key uint32, left int64) {
	most := p.maxMessage
	if a.compressed || a.packed { // what is cut cannot be inflated, nor what follows
		most = max(most, 16<<20) + 1<<16
	}
	if a.full {
		return
	}
	if room := most - len(a.buf); len(b) > room {
		b = b[:room]
		a.truncated, a.full = true, true
	}
	need := len(a.buf) + len(b)
	if all := int64(len(a.buf)) + min(left, 1<<40); need+inflate.Pad > cap(a.buf) && !a.grow(p, need+inflate.Pad, int(min(all, int64(most)))+inflate.Pad) {
		return
	}
	piece := a.buf[len(a.buf):need]
	frame.Mask(piece, b, key)
	a.buf = a.buf[:need]
	if a.opcode == Text && !a.compressed && !a.packed {
		a.text.Write(piece)
	}
}

// grow makes room for need bytes, and in foresight for the all that the frame's
// length promises, within sixteen times what has really come, and within the budget.
func (a *assembly) grow(p *pipeline, need, all int) bool {
	n := min(max(16*need, 4096), all)
	n = max(n, need, 2*cap(a.buf)) // doubled, for fragments promise little
	if n > need && !p.budget.Fits(n-cap(a.buf), nil) {
		n = need + need/4
	}
	if !p.budget.Fits(n-cap(a.buf), nil) {
		a.truncated, a.full = true, true
		return false
	}
	buf := make([]byte, len(a.buf), n)
	copy(buf, a.buf)
	p.recycle(a.buf)
	p.budget.Reserve(n)
	a.buf = buf
	return true
}

// give returns a Message with the payload of an assembly, which may change
// hands with it.
func (p *pipeline) give(a *assembly) *Message {
	if p.sink != nil && len(a.buf) > ownBuffer {
		m := &Message{Payload: a.buf}
		p.budget.Release(cap(a.buf))
		a.buf = nil
		return m
	}
	m, _ := p.message(a.buf, 0, false)
	return m
}

func (p *pipeline) newAssembly(f *frame.Header, start time.Time, begin int64) *assembly {
	var buf []byte
	if n := len(p.buffers); n > 0 && f.Length > 0 {
		buf = p.buffers[n-1]
		p.buffers = p.buffers[:n-1]
		p.spare -= cap(buf)
		p.budget.Reserve(cap(buf))
	}
	var a *assembly
	if n := len(p.free); n > 0 {
		a = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		a = &assembly{}
	}
	*a = assembly{buf: buf, start: start, begin: begin, opcode: Opcode(f.Opcode())}
	return a
}

func (p *pipeline) freeAssembly(a *assembly) {
	p.recycle(a.buf)
	a.buf = nil
	if len(p.free) < 256 {
		p.free = append(p.free, a)
	}
}

// maxSpare bounds the bytes of buffers kept for the next message.
const maxSpare = 4 << 20

// recycle takes a buffer back.
func (p *pipeline) recycle(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	p.budget.Release(cap(buf))
	if p.spare+cap(buf) <= maxSpare {
		p.spare += cap(buf)
		p.buffers = append(p.buffers, buf[:0])
	}
}

// grow returns a scratch buffer of at least n bytes, whose contents do not
// matter.
func grow(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:cap(b)]
	}
	return make([]byte, max(n, 2*cap(b), 4096))
}
