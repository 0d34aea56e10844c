package websocket

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"github.com/wstap/wstap/internal/frame"
	"io"
	"strings"

	"github.com/wstap/wstap/decode"
)

// What every message claims, however damaged the capture, and the flags do not
// take back:
//
//   - A chain of frame headers leads to it from the start of a segment, the end
//     of a head, or a number that was acknowledged: places where the bytes go on.
//     Midstream: its own headers are such a chain, wherever it begins.
//   - Opcode, frames, reserved bits, masks and wire length are those of its
//     frames, which are whole and follow each other.
//   - Each payload byte is, unmasked, one that was sent at its place. Conflict
//     and Undecoded change nothing about this.
//   - Truncated: what there is of the payload comes in order, with parts left
//     out, and the last frame may be missing.
//   - Compressed: the payload is what compress/flate makes of the frames, with
//     the history of the compressed messages that were given before.
//
// Segments may contradict each other, so there is a set of bytes for each place.

// maxValues is how many different bytes a place remembers. Beyond it, anything
// may stand there.
const maxValues = 7

// A refCell is one place of a stream.
type refCell struct {
	n      uint8
	values [maxValues]byte
}

func (c *refCell) can(v byte) bool {
	return c.n > maxValues || bytes.IndexByte(c.values[:c.n], v) >= 0
}

// A refSide is what one address sent to another, by sequence number.
type refSide struct {
	pages   map[uint32]*[512]refCell
	starts  []uint32
	unknown bool       // urgent bytes: what the stream is, is not known
	all     []refFrame // that may stand anywhere
	reached []refFrame // those that chains lead to from starts
	work    int
}

// side returns the bytes that were sent one way.
func (r *reference) side(way pair) *refSide {
	if s := r.sides[way]; s != nil {
		return s
	}
	s := &refSide{pages: map[uint32]*[512]refCell{}}
	r.sides[way] = s
	for _, p := range r.packets[way] {
		s.unknown = s.unknown || p.flags&decode.URG != 0
		seq := p.seq
		if p.flags&decode.SYN != 0 {
			seq++
		}
		s.starts = append(s.starts, seq, seq+uint32(len(p.data)), seq+uint32(p.wire))
		for i, v := range p.data {
			at := seq + uint32(i)
			if s.pages[at/512] == nil {
				s.pages[at/512] = new([512]refCell)
			}
			c := &s.pages[at/512][at%512]
			if !c.can(v) {
				if c.n < maxValues {
					c.values[c.n] = v
				}
				c.n++
			}
		}
	}
	for _, p := range r.packets[way.reverse()] {
		s.unknown = s.unknown || p.flags&decode.URG != 0
		s.starts = append(s.starts, p.ack)
	}
	for page := range s.pages {
		for i := range uint32(512) {
			at := page*512 + i
			if s.at(at).can('\n') && (s.at(at-1).can('\n') || s.at(at-1).can('\r') && s.at(at-2).can('\n')) {
				s.starts = append(s.starts, at+1)
			}
		}
	}
	return s
}

var nothing refCell

func (s *refSide) at(seq uint32) *refCell {
	if p := s.pages[seq/512]; p != nil {
		return &p[seq%512]
	}
	return &nothing
}

// A refFrame is a frame header that may stand at a place.
type refFrame struct {
	fin, masked bool
	rsv         byte
	op          Opcode
	length      uint64
	key         [4]byte
	body        uint32 // where the payload begins
}

func (f *refFrame) end() uint32 { return f.body + uint32(f.length) }

// headers returns the frame headers that may stand at seq. Where there are too
// many it sets unknown.
func (s *refSide) headers(seq uint32) (frames []refFrame) {
	var b [14]byte
	var fill func(n int)
	fill = func(n int) {
		need := 2
		if n >= 2 {
			need += map[byte]int{126: 2, 127: 8}[b[1]&0x7f]
			if b[1]&0x80 != 0 {
				need += 4
			}
		}
		if n == need {
			f := refFrame{fin: b[0]&0x80 != 0, masked: b[1]&0x80 != 0, rsv: b[0] & 0x70, op: Opcode(b[0] & 15), length: uint64(b[1] & 0x7f), body: seq + uint32(n)}
			switch f.length {
			case 126:
				f.length = uint64(binary.BigEndian.Uint16(b[2:]))
			case 127:
				f.length = binary.BigEndian.Uint64(b[2:])
			}
			if f.masked {
				copy(f.key[:], b[n-4:])
			}
			frames = append(frames, f)
			return
		}
		c := s.at(seq + uint32(n))
		if s.work++; c.n > maxValues || s.work > 1<<22 {
			s.unknown = true
			return
		}
		for _, v := range c.values[:c.n] {
			b[n] = v
			fill(n + 1)
		}
	}
	fill(0)
	return frames
}

// everywhere finds the frames that may stand anywhere.
func (s *refSide) everywhere() []refFrame {
	if s.all == nil {
		for page := range s.pages {
			for i := range uint32(512) {
				s.all = append(s.all, s.headers(page*512+i)...)
			}
		}
	}
	return s.all
}

// chains finds the frames that chains of headers lead to from all starts.
func (s *refSide) chains() []refFrame {
	if s.reached != nil {
		return s.reached
	}
	s.reached = []refFrame{}
	seen := map[uint32]bool{}
	for todo := s.starts; len(todo) > 0 && !s.unknown; {
		seq := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[seq] {
			continue
		}
		seen[seq] = true
		for _, f := range s.headers(seq) {
			s.reached = append(s.reached, f)
			if f.length < 1<<40 {
				todo = append(todo, f.end())
			}
		}
	}
	return s.reached
}

// A claim is a message in search of its frames.
type claim struct {
	s       *refSide
	m       *Message
	payload []byte // as in the frames, unmasked; nil: not compared
	inflate func(wire []byte) error
	why     error
}

// check says what is wrong with a message. dict is the history of the direction's
// compressed messages.
func (s *refSide) check(m *Message, dict []byte) error {
	c := claim{s: s, m: m, payload: m.Payload, why: fmt.Errorf("no frames say so")}
	if m.Compressed && !m.Undecoded {
		c.payload = nil
		if !m.Truncated {
			c.inflate = func(wire []byte) error {
				// A final block may stand before the end that is appended; no block
				// at all is taken for an empty message.
				tail := []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}
				r := bytes.NewReader(append(bytes.Clone(wire), tail...))
				out, err := io.ReadAll(flate.NewReaderDict(r, append(make([]byte, 1<<15), dict...)))
				if len(wire) == 0 {
					out, err = nil, nil
				}
				if err != nil || r.Len() > len(tail) || !agrees(m, m.Opcode, out) {
					return fmt.Errorf("compress/flate makes %d bytes of it (%v)", len(out), err)
				}
				return nil
			}
		}
	}
	look := s.chains
	if m.Midstream {
		look = s.everywhere
	}
	frames := look()
	for i := range frames {
		if f := &frames[i]; f.op == m.Opcode && c.frame(f, state{left: c.payload}) || s.unknown {
			return nil
		}
	}
	return c.why
}

// A state is how much of a claim was found.
type state struct {
	frames  int
	length  uint64
	rsv     byte
	badMask bool
	left    []byte // of the payload
	wire    []byte
	doubt   bool // wire is not known
}

// frame takes f as the next frame of the message.
func (c *claim) frame(f *refFrame, st state) bool {
	m := c.m
	st.frames++
	st.length += f.length
	st.rsv |= f.rsv
	st.badMask = st.badMask || f.masked != (m.From == FromClient)
	if st.frames > m.Frames || st.length > uint64(m.WireLength) && f.length < 1<<63 {
		return false
	}
	last := st.frames == m.Frames
	if !m.Truncated && last != (f.fin || m.Opcode.Control()) || m.Truncated && !last && f.fin {
		return false
	}
	if !c.take(f, &st) {
		return false
	}
	if last {
		rsv := st.rsv
		if m.Compressed {
			rsv &^= frame.RSV1
		}
		if st.length != uint64(m.WireLength) && f.length < 1<<63 || rsv != m.RSV || st.badMask != m.BadMask || c.payload != nil && len(st.left) > 0 {
			return false
		}
		if c.inflate == nil || st.doubt {
			return true
		}
		if err := c.inflate(st.wire); err != nil {
			c.why = err
			return false
		}
		return true
	}
	return c.next(f.end(), st)
}

// next looks for the rest of a fragmented message from seq on, behind any number
// of control frames.
func (c *claim) next(seq uint32, st state) bool {
	for _, f := range c.s.headers(seq) {
		if f.op == 0 && c.frame(&f, st) || f.op.Control() && f.length < 1<<20 && c.next(f.end(), st) || c.s.unknown {
			return true
		}
	}
	return false
}

// take finds the payload of a frame in the stream.
func (c *claim) take(f *refFrame, st *state) bool {
	n := min(f.length, 1<<20)
	st.doubt = st.doubt || n < f.length
	switch {
	case c.payload == nil && c.inflate == nil:
	case c.payload == nil:
		st.wire = bytes.Clone(st.wire)
		for i := range uint32(n) {
			cell := c.s.at(f.body + i)
			if cell.n == 0 {
				return false
			}
			st.doubt = st.doubt || cell.n > 1
			st.wire = append(st.wire, cell.values[0]^f.key[i&3])
		}
	default:
		for i := range uint32(n) {
			cell := c.s.at(f.body + i)
			switch {
			case len(st.left) > 0 && cell.can(st.left[0]^f.key[i&3]):
				st.left = st.left[1:]
			case !c.m.Truncated:
				return false
			case len(st.left) == 0:
				return true
			}
		}
	}
	return true
}

// A dictionary is what a direction's compressed messages leave to the next, as
// far as it can be told from the messages alone.
type dictionary struct {
	b    []byte
	lost bool // a message was cut at the limit: the rest of it counts too
}

func (d *dictionary) add(m *Message, limit int) {
	takeover := "client_no_context_takeover"
	if m.From == FromServer {
		takeover = "server_no_context_takeover"
	}
	switch {
	case !m.Compressed || strings.Contains(strings.ToLower(m.Conn.Extensions), takeover):
	case m.Truncated || m.Undecoded:
		d.b = nil
		d.lost = d.lost || len(m.Payload) >= limit
	default:
		d.b = append(d.b, zeroed(m)...)
		d.b = d.b[max(0, len(d.b)-1<<15):]
	}
}
