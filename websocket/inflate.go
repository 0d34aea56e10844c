package websocket

import (
	"bytes"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/inflate"
)

// inflate returns the message, of the given opcode, that src is compressed to.
func (k *socket) inflate(dir Direction, h *half, opcode Opcode, src []byte, truncated bool) (m *Message) {
	p := k.p
	win := k.window(dir, h)
	out, err := p.inflater.Message(src, win, p.maxMessage)
	unknown, miss := p.inflater.Unknown()
	readable := truncated || err == nil || err == inflate.ErrLimit
	if readable && unknown > 0 && opcode == Text {
		out, readable = p.readable(out, miss, truncated || err != nil)
	}
	if truncated || !readable {
		unlearn(win)
	}
	if !readable {
		out, unknown = src, 0
	}
	cut := len(out) > p.maxMessage
	if cut {
		out = out[:p.maxMessage]
		if unknown > 0 { // it ends with a whole character
			out = out[:len(out)-unfinished(out)]
		}
	}
	m, _ = p.message(out, 0, false)
	m.Compressed, m.Undecoded, m.Unknown = true, !readable, unknown
	m.Truncated = cut || readable && (truncated || err != nil)
	if win != nil {
		p.histories.Update(k.history[dir])
	}
	return m
}

// unpack inflates the frame in progress where it is compressed by itself.
func (k *socket) unpack(dir Direction, h *half, a *assembly) {
	p := k.p
	win := k.window(dir, h)
	out, err := p.inflater.Message(a.buf[a.from:], win, p.maxMessage)
	unknown, _ := p.inflater.Unknown()
	a.packed, a.unpacked = false, true
	if readable := a.truncated || err == nil || err == inflate.ErrLimit; readable && unknown == 0 {
		a.truncated = a.truncated || err != nil
		a.buf = a.buf[:a.from]
		a.full = false
		a.add(p, out, 0, int64(len(out)))
	} else if a.undecoded = true; len(a.buf) > p.maxMessage {
		a.buf = a.buf[:p.maxMessage]
		a.truncated, a.full = true, true
	}
	if a.truncated || a.undecoded {
		unlearn(win)
	}
	if win != nil {
		p.histories.Update(k.history[dir])
	}
}

// window returns the window that a direction's compressor refers to; nil where it
// begins anew each time.
func (k *socket) window(dir Direction, h *half) *inflate.Window {
	if k.deflate.NoTakeover[dir] {
		return nil
	}
	history := k.history[dir]
	if history == nil {
		history = inflate.NewHistory(max(9, int(k.deflate.Bits[dir]))) // zlib takes 9 for 8
		if h.guessed || k.info.Midstream {                             // there was more of it than is known
			history.Forget()
		}
		k.history[dir] = history
	}
	k.p.histories.Prepare(history)
	return &history.Window
}

// unlearn forgets a history, after a message that was not inflated whole; win may
// be nil.
func unlearn(win *inflate.Window) {
	if win != nil {
		win.Forget()
	}
}

// replacement stands for what is not known of a text.
const replacement = "\uFFFD"

// readable returns a text in which each unknown byte is a U+FFFD, and each known
// one of a character of which others are unknown. It is false where what is known
// is no text: then this is no message at all, or a history that is another's.
// The text is valid until the next call. It ends where it is longer than a message may be.
func (p *pipeline) readable(b []byte, miss []bool, cut bool) (text []byte, ok bool) {
	text = p.patched[:0]
	for i := 0; i < len(b) && len(text) <= p.maxMessage; {
		if miss[i] {
			text = append(text, replacement...)
			i++
			continue
		}
		end := i
		for end < len(b) && !miss[end] {
			end++
		}
		run := b[i:end]
		for n := 0; i > 0 && n < utf8.UTFMax-1 && len(run) > 0 && !utf8.RuneStart(run[0]); n++ {
			text = append(text, replacement...)
			run = run[1:]
		}
		rest := 0
		if end < len(b) || cut {
			rest = unfinished(run)
		}
		if !utf8.Valid(run[:len(run)-rest]) {
			return nil, false
		}
		text = append(text, run[:len(run)-rest]...)
		text = append(text, bytes.Repeat([]byte(replacement), rest)...)
		i = end
	}
	p.patched = text
	return text, true
}

// unfinished returns how many bytes at the end of b begin a character that b does
// not hold whole.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return n
			}
			break
		}
	}
	return 0
}
