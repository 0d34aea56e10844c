package main

import (
	"encoding/binary"
	"fmt"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// options are the flags that change how a packet prints; counts where a letter
// may be repeated.
type options struct {
	A, X, x    int
	e, N, S, K bool
	n, q, v, t int
	number     bool
	nano       bool
}

// quiet says that unknown payloads are not dumped.
func (o *options) quiet() bool { return o.q > 0 || o.x > 0 || o.X > 0 }

// maxSnapLen is the longest frame that tcpdump believes.
const maxSnapLen = 262144

// A printer writes packets as lines of text. Its methods for protocols take
// offsets into the frame; reading behind the captured bytes ends the line with
// the mark of a cut packet.
type printer struct {
	options
	names *names
	clock clock
	flows map[flowKey]*flowStart

	out    []byte
	frame  *capture.Frame
	packet decode.Packet // the frame as package decode sees it
	b      []byte
	end    int    // bytes behind it are not there, or not the packet's
	proto  string // the protocol that a cut is blamed on
	passed bool   // something was passed over that tcpdump dissects
	link   int    // length of the link header, for -x and friends
}

func newPrinter(o options) *printer {
	return &printer{options: o, names: newNames(&o), flows: make(map[flowKey]*flowStart)}
}

// cut is what reading behind the end panics with.
type cut struct{}

// print returns the text of one packet, valid until the next call. number is
// its place in the capture.
func (p *printer) print(f *capture.Frame, number uint64) []byte {
	p.out = p.out[:0]
	if p.number {
		p.f("%5d  ", number)
	}
	if p.invalid(f) {
		return p.out
	}
	p.timestamp(f.Time)
	p.frame, p.b, p.end, p.proto, p.link, p.passed = f, f.Data, len(f.Data), "", 0, false
	p.packet.DecodeCut(f.Link, f.Data, f.Length)
	p.dissect(f)
	p.end = len(p.b)
	p.dump()
	p.s("\n")
	return p.out
}

// dissect prints the packet up to where it was cut.
func (p *printer) dissect(f *capture.Frame) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(cut); !ok {
				panic(r)
			}
			p.truncated()
			p.link = 0
		}
	}()
	p.linkLayer(f)
}

// invalid prints what is wrong with a frame that cannot be.
func (p *printer) invalid(f *capture.Frame) bool {
	sep := "[Invalid header:"
	say := func(format string, args ...any) {
		p.s(sep)
		p.f(format, args...)
		sep = ","
	}
	captured, wire := len(f.Data), f.Length
	if captured == 0 {
		say(" caplen==0")
	}
	if wire == 0 {
		say(" len==0")
	} else if wire < captured {
		say(" len(%d) < caplen(%d)", wire, captured)
	}
	if captured > maxSnapLen {
		say(" caplen(%d) > %d", captured, maxSnapLen)
	}
	if wire > maxSnapLen {
		say(" len(%d) > %d", wire, maxSnapLen)
	}
	if sep == "," {
		p.s("]\n")
		return true
	}
	return false
}

func (p *printer) s(text string) { p.out = append(p.out, text...) }

func (p *printer) f(format string, args ...any) { p.out = fmt.Appendf(p.out, format, args...) }

// pass stands for a printer that tcpdump has and this program has not.
func (p *printer) pass(what string, length int) {
	p.passed = true
	p.f("%s, length %d", what, length)
}

// truncated prints the mark of a cut packet.
func (p *printer) truncated() { p.f(" [|%s]", p.proto) }

// bad prints the mark of an impossible one.
func (p *printer) bad() { p.s(" (invalid)") }

// has says that n bytes at off were captured and are the packet's.
func (p *printer) has(off, n int) bool { return off >= 0 && n >= 0 && n <= p.end && off <= p.end-n }

// bytes returns n bytes at off.
func (p *printer) bytes(off, n int) []byte {
	if !p.has(off, n) {
		panic(cut{})
	}
	return p.b[off : off+n]
}

func (p *printer) u8(off int) uint8   { return p.bytes(off, 1)[0] }
func (p *printer) u16(off int) uint16 { return binary.BigEndian.Uint16(p.bytes(off, 2)) }
func (p *printer) u32(off int) uint32 { return binary.BigEndian.Uint32(p.bytes(off, 4)) }
func (p *printer) u64(off int) uint64 { return binary.BigEndian.Uint64(p.bytes(off, 8)) }

// rest returns how many bytes are there from off on.
func (p *printer) rest(off int) int { return max(0, p.end-off) }

// limit ends the packet n bytes behind off, if it does not end before. It
// returns the former end, to be put back.
func (p *printer) limit(off, n int) int {
	was := p.end
	if n <= was-off {
		p.end = off + n
	}
	return was
}

// name looks a value up, or formats it.
func name[K comparable](table map[K]string, v K, format string) string {
	if s, ok := table[v]; ok {
		return s
	}
	return fmt.Sprintf(format, v)
}

// word looks a value up, or returns other.
func word[K comparable](table map[K]string, v K, other string) string {
	if s, ok := table[v]; ok {
		return s
	}
	return other
}

// A bit names a flag.
type bit struct {
	mask uint32
	name string
}

// bitNames joins the names of the bits that are set in v.
func bitNames(bits []bit, v uint32, sep, none string) string {
	text := ""
	for _, b := range bits {
		if v&b.mask == b.mask {
			if text != "" {
				text += sep
			}
			text += b.name
		}
	}
	if text == "" {
		return none
	}
	return text
}
