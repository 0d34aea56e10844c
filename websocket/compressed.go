package websocket

import "github.com/wstap/wstap/internal/inflate"

// window returns the window that a direction's compressor refers to; nil where it
// begins anew each time.
func (k *socket) window(dir Direction, h *half) *inflate.Window {
	if k.deflate.NoTakeover[dir] {
		return nil
	}
	if h.needRare(); h.history == nil {
		h.history = inflate.NewHistory(max(9, int(k.deflate.Bits[dir]))) // zlib takes 9 for 8
	}
	k.p.histories.Prepare(h.history)
	return &h.history.Window
}

// unpack inflates the frame in progress where it is compressed by itself.
func (k *socket) unpack(dir Direction, h *half, a *assembly) {
	p := k.p
	win := k.window(dir, h)
	out, err := p.inflater.Message(a.buf[a.from:], win, p.maxMessage)
	a.packed, a.unpacked = false, true
	switch {
	case err == nil, err == inflate.ErrLimit, a.truncated:
		a.truncated = a.truncated || err != nil
		a.buf = a.buf[:a.from]
		a.full = false
		a.append(p, out, 0, int64(len(out)))
		if a.truncated && win != nil {
			win.Forget()
		}
	default:
		a.undecoded = true
	}
	if win != nil {
		p.histories.Update(h.history)
	}
}

// inflate returns the message that src is compressed to.
func (k *socket) inflate(dir Direction, h *half, src []byte, truncated bool) (m *Message) {
	p := k.p
	win := k.window(dir, h)
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
	if win != nil {
		p.histories.Update(h.history)
	}
	return m
}
