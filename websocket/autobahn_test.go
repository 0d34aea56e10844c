package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wstap/wstap/reassembly"
)

// The cases of the Autobahn test suite, as far as they are about what is on the
// wire, made again from its list: each is a sequence of frames with what a tap
// has to say of them. Where an endpoint would fail the connection, a tap goes on.

type wsFrame struct {
	b0      byte
	payload string
}

type autobahnCase struct {
	name   string
	frames []wsFrame
	want   []string // as describeMessage, without the direction
}

// one is a case of one frame that is one message.
func one(name string, b0 byte, payload, flags string) autobahnCase {
	return autobahnCase{name, []wsFrame{{b0, payload}}, []string{told(Opcode(b0&0xf), payload, flags)}}
}

func told(op Opcode, payload, flags string) string {
	p := fmt.Sprintf("%q", payload)
	if len(payload) > 100 {
		p = fmt.Sprintf("%d bytes", len(payload))
	}
	if op == Text && !utf8.ValidString(payload) {
		flags = " invalid" + flags
	}
	return fmt.Sprintf("%v %s%s", op, p, flags)
}

// fragments cuts a message into pieces of n bytes.
func fragments(op byte, payload string, n int, between ...wsFrame) (frames []wsFrame, count int) {
	for op := op; ; op = 0 {
		k := min(n, len(payload))
		f := wsFrame{op, payload[:k]}
		payload = payload[k:]
		count++
		if payload == "" {
			f.b0 |= 0x80
		}
		frames = append(frames, f)
		if payload == "" {
			return frames, count
		}
		frames = append(frames, between...)
	}
}

// framesFlag is what describeMessage says of a message of n frames.
func framesFlag(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" frames=%d", n)
}

func autobahnCases() (cases []autobahnCase) {
	add := func(c ...autobahnCase) { cases = append(cases, c...) }
	for i, n := range []int{0, 125, 126, 127, 128, 65535, 65536} { // 1: framing
		add(one(fmt.Sprintf("1.1.%d", i+1), 0x81, strings.Repeat("*", n), ""))
		add(one(fmt.Sprintf("1.2.%d", i+1), 0x82, strings.Repeat("\xfe", n), ""))
	}
	for i, p := range []string{"", "Hello, world!", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", strings.Repeat("\xfe", 125), strings.Repeat("\xfe", 126)} { // 2: pings and pongs
		add(one(fmt.Sprintf("2.%d", i+1), 0x89, p, ""))
		add(one(fmt.Sprintf("2.7.%d unsolicited", i+1), 0x8a, p, ""))
	}
	ten := autobahnCase{name: "2.10"}
	for i := range 10 {
		ten.frames = append(ten.frames, wsFrame{0x89, fmt.Sprint(i)})
		ten.want = append(ten.want, told(Ping, fmt.Sprint(i), ""))
	}
	add(ten)
	for rsv := byte(1); rsv < 8; rsv++ { // 3: reserved bits
		for _, b0 := range []byte{0x81, 0x82, 0x88, 0x89, 0x8a} {
			p := "x"
			if b0 == 0x88 {
				p = "\x03\xe8"
			}
			c := one(fmt.Sprintf("3 rsv=%d opcode=%d", rsv, b0&0xf), b0|rsv<<4, p, fmt.Sprintf(" rsv%#x", rsv<<4))
			c.frames = append(c.frames, wsFrame{0x81, "behind"})
			c.want = append(c.want, `text "behind"`)
			add(c)
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} { // 4: reserved opcodes
		for _, p := range []string{"", "reserved opcode payload"} {
			c := one(fmt.Sprintf("4 opcode=%d", op), 0x80|op, p, "")
			c.frames = append([]wsFrame{{0x81, "Hello, world!"}}, append(c.frames, wsFrame{0x89, ""})...)
			c.want = append([]string{`text "Hello, world!"`}, append(c.want, `ping ""`)...)
			add(c)
		}
	}
	// 5: fragmentation
	for _, b0 := range []byte{0x09, 0x0a} { // a control frame in fragments: each is told
		add(autobahnCase{fmt.Sprintf("5.1 opcode=%d", b0), []wsFrame{{b0, "fragment1"}, {0x80, "fragment2"}},
			[]string{told(Opcode(b0), "fragment1", ""), told(0, "fragment2", "")}})
	}
	for _, n := range []int{1, 4, 9} {
		for _, between := range [][]wsFrame{nil, {{0x89, "ping payload"}}, {{0x8a, "pong payload"}, {0x89, ""}}} {
			c := autobahnCase{name: fmt.Sprintf("5 pieces of %d with %d between", n, len(between))}
			var count int
			c.frames, count = fragments(1, "fragment1fragment2", n, between...)
			for range count - 1 {
				for _, f := range between {
					c.want = append(c.want, told(Opcode(f.b0&0xf), f.payload, ""))
				}
			}
			c.want = append(c.want, told(Text, "fragment1fragment2", framesFlag(count)))
			add(c)
		}
	}
	add(autobahnCase{"5.9 a continuation of nothing", []wsFrame{{0x80, "non-continuation payload"}, {0x81, "Hello, world!"}},
		[]string{told(0, "non-continuation payload", ""), `text "Hello, world!"`}})
	add(autobahnCase{"5.12 an open continuation of nothing", []wsFrame{{0x00, "non-continuation payload"}, {0x81, "Hello, world!"}},
		[]string{told(0, "non-continuation payload", " truncated"), `text "Hello, world!"`}})
	add(autobahnCase{"5.18 a message inside of another", []wsFrame{{0x01, "fragment1"}, {0x81, "fragment2"}},
		[]string{told(Text, "fragment1", " truncated"), `text "fragment2"`}})
	add(autobahnCase{"5.19", []wsFrame{{0x01, "fragment1"}, {0x00, "fragment2"}, {0x89, "ping 1"}, {0x00, "fragment3"}, {0x00, "fragment4"}, {0x89, "ping 2"}, {0x80, "fragment5"}},
		[]string{`ping "ping 1"`, `ping "ping 2"`, told(Text, "fragment1fragment2fragment3fragment4fragment5", " frames=5")}})
	// 6: UTF-8, whole and a byte a fragment
	for i, p := range []string{
		"", "κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε\xed\xa0\x80edited", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\x00", "\u0080", "\u0800", "\U00010000",
		"\x7f", "\u07ff", "\uffff", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "\ud7ff", "\ue000", "\ufffd", "\U0010ffff",
		"\x80", "\xbf", "\x80\xbf\x80", "\xc0 \xc1 ", "\xe0 \xe1 ", "\xf0 ", "\xf8 ", "\xfe", "\xff", "\xc0", "\xe0\x80", "\xf0\x80\x80", "\xdf", "\xef\xbf",
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xaf\xbf\xed\xb0\x80", "\ufffe", "\U0001fffe",
	} {
		add(one(fmt.Sprintf("6.%d", i+1), 0x81, p, ""))
		if len(p) > 1 {
			f, n := fragments(1, p, 1)
			add(autobahnCase{fmt.Sprintf("6.%d in fragments", i+1), f, []string{told(Text, p, framesFlag(n))}})
		}
	}
	// 7: close frames; what follows them is still read
	for _, code := range []uint16{0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535} {
		add(one(fmt.Sprintf("7 code %d", code), 0x88, string(binary.BigEndian.AppendUint16(nil, code))+"reason", ""))
	}
	for _, p := range []string{"", "\x03", "\x03\xe8", "\x03\xe8" + strings.Repeat("*", 123), "\x03\xe8" + strings.Repeat("*", 124), "\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"} {
		c := one("7 close", 0x88, p, "")
		c.frames = append(c.frames, wsFrame{0x89, "late"}, wsFrame{0x88, p})
		c.want = append(c.want, `ping "late"`, told(Close, p, ""))
		add(c)
	}
	// 9: sizes, and a message in fragments of each size
	for _, n := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10} {
		add(one(fmt.Sprintf("9.1 %d", n), 0x81, strings.Repeat("x", n), ""))
		f, k := fragments(2, strings.Repeat("\xfe", 1<<18), n)
		add(autobahnCase{fmt.Sprintf("9.4 %d", n), f, []string{told(Binary, strings.Repeat("\xfe", 1<<18), framesFlag(k))}})
	}
	return cases
}

func TestAutobahn(t *testing.T) {
	for _, c := range autobahnCases() {
		for dir := range Direction(2) {
			for _, cut := range []int{1 << 30, 1000, 1} {
				size := 0
				for _, f := range c.frames {
					size += len(f.payload)
				}
				if cut == 1 && size > 1<<13 || cut == 1000 && size > 1<<17 {
					continue
				}
				r := newRecorder(nil)
				r.data(FromClient, []byte(request))
				r.data(FromServer, []byte(response))
				var stream []byte
				for _, f := range c.frames {
					stream = append(stream, testFrame(dir, f.b0, []byte(f.payload))...)
				}
				for len(stream) > 0 {
					n := min(cut, len(stream))
					r.data(dir, stream[:n])
					stream = stream[n:]
				}
				r.c.Closed(reassembly.FIN, r.now)
				want := []string{r.lines[0]}
				for _, w := range c.want {
					want = append(want, dir.String()+" "+w)
				}
				want = append(want, "end fin")
				if strings.Join(r.lines, "\n") != strings.Join(want, "\n") {
					t.Errorf("%s from %v cut at %d: got\n%.2000s\nwant\n%.2000s", c.name, dir, cut, strings.Join(r.lines, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
}

// A fixedDeflater compresses with fixed Huffman codes and matches no further back
// than its window, over all messages unless told to reset.
type fixedDeflater struct {
	window  int
	history []byte
	last    map[string]int // where four bytes were seen last
	out     []byte
	acc     uint64
	n       uint
}

func (d *fixedDeflater) put(v uint64, n uint) {
	d.acc |= v << d.n
	for d.n += n; d.n >= 8; d.n -= 8 {
		d.out = append(d.out, byte(d.acc))
		d.acc >>= 8
	}
}

func (d *fixedDeflater) symbol(s int) {
	code, n := 0, uint(0)
	switch {
	case s < 144:
		code, n = 0x30+s, 8
	case s < 256:
		code, n = 0x190+s-144, 9
	case s < 280:
		code, n = s-256, 7
	default:
		code, n = 0xc0+s-280, 8
	}
	d.put(uint64(bits.Reverse16(uint16(code))>>(16-n)), n)
}

// message compresses a message; final ends the stream with it (BFINAL).
func (d *fixedDeflater) message(p []byte, takeover, final bool) []byte {
	d.out, d.acc, d.n = nil, 0, 0
	if !takeover || d.last == nil {
		d.history, d.last = nil, map[string]int{}
	}
	bfinal := uint64(0)
	if final {
		bfinal = 1
	}
	d.put(bfinal|1<<1, 3)
	start := len(d.history)
	d.history = append(d.history, p...)
	h := d.history
	for i := start; i < len(h); {
		length, dist := 0, 0
		if i+4 <= len(h) {
			if at, ok := d.last[string(h[i:i+4])]; ok && i-at <= d.window {
				for length < 258 && i+length < len(h) && h[at+length] == h[i+length] {
					length++
				}
				dist = i - at
			}
		}
		k := max(1, length)
		for j := i; j < i+k && j+4 <= len(h); j++ {
			d.last[string(h[j:j+4])] = j
		}
		if length == 0 {
			d.symbol(int(h[i]))
		} else {
			d.match(length, dist)
		}
		i += k
	}
	d.symbol(256)
	if final {
		// Ends at a byte; the empty stored block's header is a byte of zeroes.
		d.put(0, -d.n&7)
		return append(d.out, 0)
	}
	d.put(0, 3) // the empty stored block whose lengths are taken off
	d.put(0, -d.n&7)
	return d.out
}

func (d *fixedDeflater) match(length, dist int) {
	base, extra := 3, uint(0)
	for s := 257; ; s++ {
		if s >= 265 && s < 285 && (s-265)%4 == 0 {
			extra++
		}
		if s == 285 || length < base+1<<extra && length != 258 {
			if s == 285 {
				base, extra = 258, 0
			}
			d.symbol(s)
			d.put(uint64(length-base), extra)
			break
		}
		base += 1 << extra
	}
	base, extra = 1, 0
	for s := 0; ; s++ {
		if s >= 4 && s%2 == 0 {
			extra++
		}
		if dist < base+1<<extra {
			d.put(uint64(bits.Reverse8(uint8(s))>>3), 5)
			d.put(uint64(dist-base), extra)
			return
		}
		base += 1 << extra
	}
}

// TestWindowSizes is Autobahn's 12 and 13: every size of window in each
// direction, with and without context takeover, compressed and plain messages
// mixed, final blocks among them.
func TestWindowSizes(t *testing.T) {
	for size := 8; size <= 15; size++ {
		for dir := range Direction(2) {
			for _, takeover := range []bool{true, false} {
				name := dir.String()
				ext := fmt.Sprintf("permessage-deflate; %s_max_window_bits=%d", name, size)
				if !takeover {
					ext += "; " + name + "_no_context_takeover"
				}
				r := newRecorder(nil)
				r.data(FromClient, []byte(request))
				r.data(FromServer, []byte(accepted+"Sec-WebSocket-Extensions: "+ext+"\r\n\r\n"))
				d := &fixedDeflater{window: 1 << size}
				var sent [][]byte
				for i := range 60 {
					n := []int{0, 1, 16, 64, 256, 1024, 4096, 8192, 40000}[i%9]
					var p []byte
					for k := 0; len(p) < n; k++ {
						p = fmt.Appendf(p, `{"case":%d,"item":%d,"text":"the quick brown fox"}`, i%4, k*k%(i+7))
					}
					p = p[:n]
					sent = append(sent, p)
					b0 := byte(0xC1)
					b := p
					switch {
					case i%5 == 4:
						b0 = 0x81 // plain
					default:
						b = d.message(p, takeover, i%7 == 6)
					}
					if i%3 == 0 && len(b) > 2 {
						r.data(dir, testFrame(dir, b0&0x7f, b[:len(b)/2]))
						r.data(dir, testFrame(dir, 0x89, []byte("ping")))
						r.data(dir, testFrame(dir, 0x80, b[len(b)/2:]))
					} else {
						r.data(dir, testFrame(dir, b0, b))
					}
				}
				i := 0
				for _, m := range r.msgs {
					if m.Opcode == Ping {
						continue
					}
					if m.Undecoded || m.Truncated || !bytes.Equal(m.Payload, sent[i]) || m.Compressed != (i%5 != 4) {
						t.Fatalf("%s: message %d of %d bytes: %s", ext, i, len(sent[i]), describeMessage(m))
					}
					i++
				}
				if i != len(sent) {
					t.Fatalf("%s: %d messages", ext, i)
				}
			}
		}
	}
}
