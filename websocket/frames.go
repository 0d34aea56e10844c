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
		if (k.p.silent || k.unwanted) && (b[0] == frame.WholeText || b[0] == frame.WholeBinary) {
			if b = b[k.countPlain(dir, h, b, t):]; len(b) == 0 {
				return
			}
		}
		if a := h.open; a != nil && a.left > 0 {
			n := len(b)
			if int64(n) > a.left {
				n = int(a.left)
			}
			a.append(k.p, b[:n])
			h.offset += int64(n)
			k.p.counts.PayloadBytes += uint64(n)
			b = b[n:]
			if a.left == 0 {
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
			if h.probation--; h.probation == 0 {
				k.doubt = false
			}
			if !f.Legal() || f.Masked != (dir == FromClient) {
				k.lose(dir, h, b, t)
				return
			}
		}
		h.offset += int64(n)
		k.p.counts.HeaderBytes += uint64(n)
		b = b[n:]
		if f.Opcode() != frame.Continuation && (!f.Control() || h.usual == 0 || h.usual&8 != 0) {
			h.usual = f.First // of a control frame, where all are
		}

		if f.Length <= int64(len(b)) && (f.Control() || f.Fin() && f.Opcode() != frame.Continuation && h.open == nil) {
			h.offset += f.Length
			k.p.counts.PayloadBytes += uint64(f.Length)
			k.whole(dir, h, &f, b[:f.Length], start, t)
			b = b[f.Length:]
			continue
		}
		k.beginFrame(dir, h, &f, start, t)
		if f.Length == 0 {
			k.endFrame(dir, h, t)
		}
	}
}

// beginFrame starts a frame whose payload is not at hand, or that is part of a
// fragmented message.
func (k *socket) beginFrame(dir Direction, h *half, f *frame.Header, start, t time.Time) {
	a := h.open
	begin := h.offset - int64(f.Size)
	switch {
	case f.Control():
		a = k.p.newAssembly(f, start, begin)
		a.within = h.open
	case f.Opcode() != frame.Continuation && a != nil: // the message before was never finished
		a.truncated = true
		a.violations |= Unfinished
		k.finish(dir, h, a, t)
		a = nil
		fallthrough
	case a == nil:
		a = k.p.newAssembly(f, start, begin)
		a.compressed = k.compressed(f) && !k.deflate.Frames
		if f.Opcode() == frame.Continuation {
			if a.truncated = h.guessed; !h.guessed { // otherwise it began before
				a.violations |= NoBeginning
			}
		}
	}
	a.key, a.left = f.Key, f.Length
	a.full = a.full || k.skips(a.opcode)
	a.frames++
	a.wire += f.Length
	a.rsv |= f.RSV()
	if k.deflate.Frames && k.compressed(f) {
		a.rsv &^= frame.RSV1
		a.packed, a.from = true, len(a.buf)
	}
	a.violations |= violations(f)
	a.badMask = a.badMask || f.Masked != (dir == FromClient)
	a.fin = f.Fin() || f.Control()
	h.open = a
}

// endFrame ends the frame whose last payload byte has come.
func (k *socket) endFrame(dir Direction, h *half, t time.Time) {
	a := h.open
	if a.packed && !k.skips(a.opcode) {
		k.unpack(dir, h, a)
	}
	if !a.fin {
		return
	}
	h.open = a.within
	k.finish(dir, h, a, t)
}

// abandon tells what there is of unfinished messages.
func (k *socket) abandon(dir Direction, h *half, t time.Time) {
	for a := h.open; a != nil; a = h.open {
		h.open = a.within
		a.truncated = true
		k.finish(dir, h, a, t)
	}
	h.nhead = 0
}

// compressed says whether a frame announces that the message that it begins is
// compressed, or that it is itself. One with bits of an extension that is not known
// cannot be inflated.
func (k *socket) compressed(f *frame.Header) bool {
	if !k.deflate.On || f.RSV()&frame.RSV1 == 0 || f.Control() || f.RSV() != frame.RSV1 && k.deflate.Others {
		return false
	}
	return f.Opcode() != frame.Continuation || k.deflate.Frames
}

// reserve tells of reserved bits that nothing explains. Where extensions were agreed
// that are not known, the payload is as these have made it.
func (k *socket) reserve(dir Direction, m *Message, rsv byte) {
	if m.RSV = rsv; rsv == 0 || !k.deflate.Others {
		return
	}
	m.Undecoded, m.InvalidUTF8 = true, false
	k.forget(dir)
}

// whole tells a message that is one frame, at hand whole.
func (k *socket) whole(dir Direction, h *half, f *frame.Header, b []byte, start, t time.Time) {
	p := k.p
	if op := Opcode(f.Opcode()); k.skips(op) {
		k.skip(dir, &Message{Opcode: op, Time: t, WireLength: f.Length, Frames: 1, Compressed: k.compressed(f)})
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
		m = k.inflate(dir, h, Opcode(f.Opcode()), src, false)
	} else {
		cut := b
		if len(cut) > p.maxMessage {
			cut = cut[:p.maxMessage]
		}
		m, ascii = p.message(cut, f.Key, f.Masked)
		m.Truncated = len(cut) < len(b)
	}
	m.Opcode = Opcode(f.Opcode())
	if rsv != 0 {
		k.reserve(dir, m, rsv)
	}
	if !ascii {
		m.checkText()
	}
	if m.Violations = violations(f); m.Opcode == Close {
		m.checkClose()
	}
	m.Start = start
	m.WireLength = f.Length
	m.Frames = 1
	m.BadMask = f.Masked != (dir == FromClient)
	k.tell(dir, h, m, h.offset-f.Length-int64(f.Size), t)
}

// finish tells a message that was put together from pieces.
func (k *socket) finish(dir Direction, h *half, a *assembly, t time.Time) {
	p := k.p
	if k.skips(a.opcode) {
		k.skip(dir, &Message{Opcode: a.opcode, Time: t, WireLength: a.wire, Frames: a.frames, Compressed: a.compressed || a.packed, Truncated: a.truncated})
		p.freeAssembly(a)
		return
	}
	var m *Message
	rsv := a.rsv
	if a.packed {
		k.unpack(dir, h, a)
	}
	if a.compressed {
		rsv &^= frame.RSV1
		m = k.inflate(dir, h, a.opcode, a.buf, a.truncated)
	} else {
		m = p.give(a)
		m.Compressed, m.Undecoded = a.unpacked, a.undecoded
		m.InvalidUTF8 = a.opcode == Text && !a.undecoded && a.text.Invalid(a.truncated)
	}
	m.Opcode = a.opcode
	k.reserve(dir, m, rsv)
	if m.Violations = a.violations; m.Opcode == Close && !a.truncated {
		m.checkClose()
	}
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
		if h.told != nil && !k.unwanted {
			m.Copy = h.told.again(span{begin + h.shift, h.offset + h.shift}, !m.Truncated && !m.Undecoded && m.Unknown == 0, maphash.Bytes(sightingSeed, m.Payload))
		}
	}
	k.count(m)
	k.p.tellMessage(k, m)
}

// skips says that payloads of messages with an opcode are not looked at. Control
// frames are short, and some of them are counted by what they say.
func (k *socket) skips(o Opcode) bool { return k.unwanted && !o.Control() }

// skip counts a message whose payload was not looked at.
func (k *socket) skip(dir Direction, m *Message) {
	m.From = dir
	k.count(m)
	k.p.counts.Unselected++
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
