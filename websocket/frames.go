package websocket

import (
	"hash/maphash"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/inflate"
)

// frames reads b as frames.
func (k *socket) frames(dir Direction, h *half, b []byte, t time.Time) {
	for len(b) > 0 {
		if h.left > 0 {
			n := len(b)
			if int64(n) > h.left {
				n = int(h.left)
			}
			h.cur.append(k.p, b[:n], h.key, h.left)
			h.key = frame.Rotate(h.key, int64(n))
			h.left -= int64(n)
			h.offset += int64(n)
			k.p.counts.PayloadBytes += uint64(n)
			b = b[n:]
			if h.left == 0 {
				k.endFrame(dir, h, t)
			}
			continue
		}

		var f frame.Header
		start := t
		n := 0
		if h.nhead == 0 {
			if n = f.Parse(b); n == 0 {
				h.needRare().start = t
				h.nhead = uint8(copy(h.head[:], b))
				h.offset += int64(len(b))
				k.p.counts.HeaderBytes += uint64(len(b))
				return
			}
		} else {
			have := int(h.nhead)
			more := copy(h.head[have:], b)
			if n = f.Parse(h.head[:have+more]); n == 0 {
				h.nhead += uint8(more)
				h.offset += int64(more)
				k.p.counts.HeaderBytes += uint64(more)
				return
			}
			n -= have
			h.nhead = 0
			start = h.start
		}
		if h.probation > 0 {
			h.probation--
			if !f.Legal() || f.Masked != (dir == FromClient) {
				k.lose(dir, h, b, t)
				return
			}
		}
		h.offset += int64(n)
		k.p.counts.HeaderBytes += uint64(n)
		b = b[n:]
		if f.Opcode() != frame.Continuation && !f.Control() {
			h.usual = f.First
		}

		if f.Length <= int64(len(b)) && (f.Control() || f.Fin() && f.Opcode() != frame.Continuation && h.data == nil) {
			h.offset += f.Length
			k.p.counts.PayloadBytes += uint64(f.Length)
			k.whole(dir, h, &f, b[:f.Length], start, t)
			b = b[f.Length:]
			continue
		}
		k.beginFrame(dir, h, &f, start, t)
		if h.left == 0 {
			k.endFrame(dir, h, t)
		}
	}
}

// beginFrame starts a frame whose payload is not at hand, or that is part of a
// fragmented message.
func (k *socket) beginFrame(dir Direction, h *half, f *frame.Header, start, t time.Time) {
	h.fin, h.key, h.left = f.Fin() || f.Control(), f.Key, f.Length
	a := h.data
	begin := h.offset - int64(f.Size)
	switch {
	case f.Control():
		a = k.p.newAssembly(f, start, begin)
	case f.Opcode() != frame.Continuation && a != nil: // the message before was never finished
		a.truncated = true
		k.finish(dir, h, a, t)
		a = nil
		fallthrough
	case a == nil:
		a = k.p.newAssembly(f, start, begin)
		a.compressed = k.compressed(f)
		h.data = a
	}
	a.frames++
	a.wire += f.Length
	a.rsv |= f.RSV()
	a.badMask = a.badMask || f.Masked != (dir == FromClient)
	h.cur = a
}

// endFrame ends the frame whose last payload byte has come.
func (k *socket) endFrame(dir Direction, h *half, t time.Time) {
	a := h.cur
	h.cur = nil
	if !h.fin {
		return
	}
	if a == h.data {
		h.data = nil
	}
	k.finish(dir, h, a, t)
}

// abandon tells what there is of unfinished messages.
func (k *socket) abandon(dir Direction, h *half, t time.Time) {
	if h.cur != nil && h.cur != h.data {
		h.cur.truncated = true
		k.finish(dir, h, h.cur, t)
	}
	if h.data != nil {
		h.data.truncated = true
		k.finish(dir, h, h.data, t)
		h.data = nil
	}
	h.cur, h.left, h.nhead = nil, 0, 0
}

// compressed says whether a message's first frame announces compression.
func (k *socket) compressed(f *frame.Header) bool {
	return k.deflate.On && f.RSV()&frame.RSV1 != 0 && !f.Control() && f.Opcode() != frame.Continuation
}

// whole tells a message that is one frame, at hand whole.
func (k *socket) whole(dir Direction, h *half, f *frame.Header, b []byte, start, t time.Time) {
	p := k.p
	if p.silent && k.plain(h, f) {
		k.countOnly(dir, f, b, t)
		return
	}
	var m *Message
	var ascii bool
	rsv := f.RSV()
	if k.compressed(f) {
		rsv &^= frame.RSV1
		p.packed = grow(p.packed, len(b)+inflate.Pad)
		src := p.packed[:len(b)]
		frame.Mask(src, b, f.Key)
		m = k.inflate(dir, h, src, false)
	} else {
		cut := b
		if len(cut) > p.maxMessage {
			cut = cut[:p.maxMessage]
		}
		m, ascii = p.message(cut, f.Key, f.Masked)
		m.Truncated = len(cut) < len(b)
	}
	m.Opcode = Opcode(f.Opcode())
	if !ascii {
		m.checkText()
	}
	m.RSV = rsv
	m.Start = start
	m.WireLength = f.Length
	m.Frames = 1
	m.BadMask = f.Masked != (dir == FromClient)
	k.tell(dir, h, m, h.offset-f.Length-int64(f.Size), t)
}

// plain says that a frame, at hand whole, is a message about which counters tell
// all: text or binary, neither compressed nor cut nor disputed nor seen in copies.
func (k *socket) plain(h *half, f *frame.Header) bool {
	return (f.Opcode() == frame.Text || f.Opcode() == frame.Binary) && !k.compressed(f) && f.Length <= int64(k.p.maxMessage) && (h.rare == nil || len(h.conflicts) == 0 && h.told == nil)
}

// countOnly counts a plain message that is given to nobody. b is its payload.
func (k *socket) countOnly(dir Direction, f *frame.Header, b []byte, t time.Time) {
	invalid := f.Opcode() == frame.Text && !frame.ASCII(b, f.Key) && !k.p.validText(b, f.Key)
	k.countPlain(dir, Opcode(f.Opcode()), len(b), invalid, t)
}

// finish tells a message that was put together from pieces.
func (k *socket) finish(dir Direction, h *half, a *assembly, t time.Time) {
	p := k.p
	var m *Message
	rsv := a.rsv
	if a.compressed {
		rsv &^= frame.RSV1
		m = k.inflate(dir, h, a.buf, a.truncated)
	} else {
		m = p.give(a)
		m.InvalidUTF8 = a.opcode == Text && a.text.Invalid(a.truncated)
	}
	m.Opcode = a.opcode
	m.RSV = rsv
	m.Start = a.start
	m.WireLength = a.wire
	m.Frames = a.frames
	m.BadMask = a.badMask
	m.Truncated = m.Truncated || a.truncated
	if a.compressed {
		m.checkText()
	}
	k.tell(dir, h, m, a.begin, t)
	p.freeAssembly(a)
}

// inflate returns the message that src is compressed to.
func (k *socket) inflate(dir Direction, h *half, src []byte, truncated bool) (m *Message) {
	p := k.p
	takeover := !k.deflate.NoTakeover[dir]
	if h.needRare(); takeover && h.history == nil {
		h.history = inflate.NewHistory(max(9, int(k.deflate.Bits[dir]))) // zlib takes 9 for 8
	}
	var win *inflate.Window
	if takeover {
		p.histories.Prepare(h.history)
		win = &h.history.Window
	}
	out, err := p.inflater.Message(src, win, p.maxMessage)
	switch {
	case truncated && win != nil:
		win.Forget()
		fallthrough
	case truncated, err == nil, err == inflate.ErrLimit:
		m, _ = p.message(out, 0, false)
		m.Truncated = truncated || err != nil
	default:
		m, _ = p.message(src, 0, false)
		m.Undecoded = true
	}
	m.Compressed = true
	if takeover {
		p.histories.Update(h.history)
	}
	return m
}

// tell fills in what all messages have in common and gives m out, which begins
// at an offset of the stream.
func (k *socket) tell(dir Direction, h *half, m *Message, begin int64, t time.Time) {
	m.Conn = k.info
	m.Midstream = h.guessed
	m.From = dir
	m.Time = t
	if h.rare != nil {
		if len(h.conflicts) > 0 {
			m.Conflict = h.conflicted(begin)
		}
		if h.told != nil {
			m.Copy = h.told.again(span{begin, h.offset}, !m.Truncated && !m.Undecoded, maphash.Bytes(sightingSeed, m.Payload))
		}
	}
	k.count(m)
	k.p.tellMessage(m)
}

// checkText checks the text of a message at hand whole.
func (m *Message) checkText() {
	if m.Opcode != Text || m.Undecoded {
		return
	}
	if !m.Truncated {
		m.InvalidUTF8 = !frame.ASCII(m.Payload, 0) && !utf8.Valid(m.Payload)
		return
	}
	var u frame.UTF8
	u.Write(m.Payload)
	m.InvalidUTF8 = u.Invalid(true)
}
