package websocket

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/internal/proxyproto"
	"github.com/wstap/wstap/internal/socks"
	"github.com/wstap/wstap/reassembly"
)

// decodeSimply is the reference: it reads one direction's frames from a stream
// at hand whole, as RFC 6455 and 7692 tell it, and describes the messages.
func decodeSimply(dir Direction, b []byte, compressed, takeover bool) (lines []string) {
	type message struct {
		op         byte
		rsv        byte
		payload    []byte
		frames     int
		badMask    bool
		compressed bool
	}
	var dict []byte
	broken := false
	tell := func(m *message, truncated bool) {
		payload := m.payload
		note := ""
		if m.compressed {
			out, ok := inflateSimply(payload, dict)
			switch {
			case broken || !ok || truncated:
				// What an inflater makes of broken data is its own affair.
				broken = takeover
				note = " compressed"
				payload = nil
			default:
				payload = out
				note = " compressed"
			}
			if takeover {
				dict = append(dict, out...)
				dict = dict[max(0, len(dict)-1<<15):]
			}
			if broken || !ok || truncated {
				lines = append(lines, fmt.Sprintf("%v %v ? %d", dir, Opcode(m.op), m.frames))
				return
			}
			m.rsv &^= frame.RSV1
		}
		lines = append(lines, fmt.Sprintf("%v %v %q frames=%d truncated=%v badmask=%v rsv=%x%s", dir, Opcode(m.op), payload, m.frames, truncated, m.badMask, m.rsv, note))
	}
	var data *message
	for len(b) >= 2 {
		fin, rsv, op := b[0]&0x80 != 0, b[0]&0x70, b[0]&0xf
		masked, n := b[1]&0x80 != 0, uint64(b[1]&0x7f)
		p := b[2:]
		if n == 126 {
			if len(p) < 2 {
				break
			}
			n, p = uint64(binary.BigEndian.Uint16(p)), p[2:]
		} else if n == 127 {
			if len(p) < 8 {
				break
			}
			n, p = binary.BigEndian.Uint64(p), p[8:]
		}
		var key [4]byte
		if masked {
			if len(p) < 4 {
				break
			}
			p = p[copy(key[:], p):]
		}
		control := op >= 8
		m := data
		if control {
			m = &message{op: op}
		} else if op != 0 || data == nil {
			if data != nil {
				tell(data, true)
			}
			m = &message{op: op, compressed: compressed && rsv&frame.RSV1 != 0 && op != 0}
			data = m
		}
		m.frames++
		m.rsv |= rsv
		m.badMask = m.badMask || masked != (dir == FromClient)
		cut := uint64(len(p)) < n
		if cut {
			n = uint64(len(p))
		}
		for i, ch := range p[:n] {
			m.payload = append(m.payload, ch^key[i&3])
		}
		b = p[n:]
		switch {
		case cut && control:
			tell(m, true)
		case cut:
		case control:
			tell(m, false)
		case fin:
			tell(m, false)
			data = nil
		}
	}
	if data != nil {
		tell(data, true)
	}
	return lines
}

// inflateSimply inflates a message; ok says that compress/flate had no doubt.
func inflateSimply(payload, dict []byte) (out []byte, ok bool) {
	r := bytes.NewReader(append(bytes.Clone(payload), 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff))
	out, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(r, dict), 1<<20))
	return out, err == nil && r.Len() == 0 && len(out) < 1<<20
}

// doubted says whether decodeSimply does not know the payload.
func doubted(line string) bool {
	words := strings.SplitN(line, " ", 4)
	return len(words) == 4 && words[2] == "?"
}

// simple describes a message as decodeSimply does.
func simple(m *Message, doubt bool) string {
	if doubt {
		return fmt.Sprintf("%v %v ? %d", m.From, m.Opcode, m.Frames)
	}
	note := ""
	if m.Compressed {
		note = " compressed"
	}
	return fmt.Sprintf("%v %v %q frames=%d truncated=%v badmask=%v rsv=%x%s", m.From, m.Opcode, m.Payload, m.Frames, m.Truncated, m.BadMask, m.RSV, note)
}

// FuzzFrames: what follows a handshake, in one direction, is read as the simple
// decoder reads it, however it is cut.
func FuzzFrames(f *testing.F) {
	comp := newCompressor(true)
	var deflatedTwice []byte
	for range 2 {
		deflatedTwice = append(deflatedTwice, testFrame(FromServer, 0xC1, comp.message([]byte("hello, hello, hello")))...)
	}
	f.Add(testFrame(FromServer, 0x81, []byte("hello")), byte(0), byte(3))                                              // whole frame
	f.Add(testFrame(FromClient, 0x82, bytes.Repeat([]byte("x"), 300)), byte(1), byte(7))                               // masked, 16-bit length
	f.Add([]byte{0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'a'}, byte(0), byte(1))                   // 2^64-1 bytes promised
	f.Add([]byte{0x01, 1, 'a', 0x89, 1, 'p', 0x00, 1, 'b', 0x80, 1, 'c', 0x88, 2, 3, 0xe8}, byte(0), byte(2))          // a ping between fragments
	f.Add([]byte{0x01, 1, 'a', 0x81, 1, 'b', 0x80, 1, 'c', 0xf3, 1, 'd', 0x09, 0, 0x8f, 0x7e, 0, 1}, byte(0), byte(5)) // broken rules
	f.Add(deflatedTwice, byte(2), byte(9))                                                                             // history of an earlier message
	f.Add(deflatedTwice, byte(6), byte(9))                                                                             // the same where there is none
	f.Add([]byte{0xc1, 8, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, byte(2), byte(4))                           // BFINAL (RFC 7692, 7.2.3.4)
	f.Add([]byte{0x41, 3, 0xf2, 0x48, 0xcd, 0x80, 4, 0xc9, 0xc9, 0x07, 0x00}, byte(2), byte(4))                        // compressed, in fragments
	f.Fuzz(func(t *testing.T, stream []byte, flags, cut byte) {
		dir := Direction(flags & 1)
		compressed, takeover := flags&2 != 0, flags&4 == 0
		answer := accepted
		if compressed {
			answer += "Sec-WebSocket-Extensions: permessage-deflate"
			if !takeover {
				answer += "; client_no_context_takeover; server_no_context_takeover"
			}
			answer += "\r\n"
		}
		r := newRecorder(&Config{MaxMessage: 1 << 20})
		r.data(FromClient, []byte(request))
		r.data(FromServer, []byte(answer+"\r\n"))
		step := uint(cut)
		for b := stream; len(b) > 0; {
			n := min(len(b), 1+int(step%(uint(cut)+1)))
			r.data(dir, b[:n])
			b = b[n:]
			step = step*31 + 7
		}
		r.c.Closed(reassembly.FIN, r.now)
		want := decodeSimply(dir, stream, compressed, takeover)
		if len(want) != len(r.msgs) {
			t.Fatalf("%d messages, want %d:\n%s\nwant\n%s", len(r.msgs), len(want), strings.Join(r.lines, "\n"), strings.Join(want, "\n"))
		}
		for i, m := range r.msgs {
			if got := simple(m, doubted(want[i])); got != want[i] {
				t.Errorf("message %d: %s\nwant %s", i, got, want[i])
			}
		}
		r.balance(t, len(stream)+len(request)+len(answer)+2)
	})
}

// balance checks that nothing is held any more and that every byte is in one of
// the accounts.
func (r *recorder) balance(t *testing.T, n int) {
	t.Helper()
	st := &r.p.counts
	tls := r.p.opener.Stats()
	if sum := st.HTTPBytes + st.HeaderBytes + st.PayloadBytes + st.DraftBytes + st.SkippedBytes + tls.Bytes - tls.Opened; sum != uint64(n) {
		t.Errorf("%d bytes given, %d accounted for: %d HTTP, %d headers, %d payload, %d skipped", n, sum, st.HTTPBytes, st.HeaderBytes, st.PayloadBytes, st.SkippedBytes)
	}
	if r.p.budget.Held() != 0 || st.HeldBytes != 0 {
		t.Errorf("%d bytes still held, %d of them counted so", r.p.budget.Held(), int64(st.HeldBytes))
	}
}

// FuzzConn plays a script of data, gaps and conflicts in both directions: each
// item is a direction and kind, a length, and for data the bytes. Nothing may
// panic or stay behind, and the accounts must balance.
func FuzzConn(f *testing.F) {
	script := func(parts ...any) (b []byte) {
		for i := 0; i < len(parts); i += 2 {
			kind := byte(parts[i].(int))
			var data []byte
			switch p := parts[i+1].(type) {
			case string:
				data = []byte(p)
			case []byte:
				data = p
			case int:
				b = binary.LittleEndian.AppendUint16(append(b, kind), uint16(p))
				continue
			}
			b = append(binary.LittleEndian.AppendUint16(append(b, kind), uint16(len(data))), data...)
		}
		return b
	}
	h2, _ := http2Streams()
	f.Add(script(0, request, 1, response, 0, clientText("a"), 1, serverText("b")), false)                              // a conversation
	f.Add(script(1, response, 0, request, 0, clientText("a"), 2, 7, 0, clientText("b")), false)                        // out of order, a gap
	f.Add(script(0, clientText("hello there"), 1, serverText(`{"a":1}`), 0, clientText("and again, hello")), true)     // mid-stream
	f.Add(script(0, clientText("hello there"), 3, 5, 1, serverText(`{"a":1}`), 5, 9, 0, clientText("x")), true)        // with a gap and a conflict
	f.Add(script(0, h2[0], 1, h2[1]), false)                                                                           // HTTP/2
	f.Add(script(0, h2[0][:200], 2, 4, 0, h2[0][204:], 1, h2[1]), false)                                               // with a gap
	f.Add(script(1, clientText("the mask tells the client"), 1, clientText("the mask tells the client, twice")), true) // wrong way round
	f.Add(script(0, "0 0 HTTP/1.1\nUpgrade:websocket\n\n0 0 HTTP/1.\nUpgrade:websocket\n\n0"), true)                   // two upgrades, no answer
	f.Add(script(1, "HTTP/1.0 101 0\n\n", 0, "GET / HTTP/1.1\nSec-WebSocket-Version:0\n0", 2, 9, 0, "0"), false)       // a draft whose frames are not read
	webkit := accepted + "Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n\r\n"
	garbage := string(bytes.Repeat([]byte{0xff}, 300))
	f.Add(script(0, request, 1, webkit, 1, "\x42\x7e\x01\x2c"+garbage, 1, "\x80\x01x"), false) // beyond MaxMessage, compressed frame by frame
	all := [][]turn{}
	for _, o := range openings {
		all = append(all, o.turns)
	}
	for _, f := range fronts {
		all = append(all, withTalk(f.turns))
	}
	for _, turns := range all {
		var parts []any
		for _, turn := range turns {
			parts = append(parts, int(turn.from), turn.data)
		}
		f.Add(script(parts...), false)
	}
	f.Fuzz(func(t *testing.T, script []byte, midstream bool) {
		const limit = 1 << 8
		r := newRecorder(&Config{MaxMessage: limit, MaxBuffered: 1 << 18})
		r.c = newSeat(r.p, midstream)
		total := 0
		offset := [2]int64{}
		given := func() bool { return !r.c.(*seat).ignored }
		for len(script) >= 3 && given() {
			dir, kind, n := Direction(script[0]&1), script[0]>>1&3, int(binary.LittleEndian.Uint16(script[1:]))
			script = script[3:]
			switch kind {
			case 1:
				r.c.Gap(dir, int64(n)+1, r.now)
				offset[dir] += int64(n) + 1
			case 2:
				r.c.Conflict(dir, max(0, offset[dir]-int64(n/2)), int64(n)+1, r.now)
			default:
				if n = min(n, len(script)); n == 0 { // nothing is not told
					continue
				}
				r.data(dir, script[:n])
				script = script[n:]
				total += n
				offset[dir] += int64(n)
			}
			st := &r.p.counts
			tls := r.p.opener.Stats()
			if sum := st.HTTPBytes + st.HeaderBytes + st.PayloadBytes + st.DraftBytes + st.SkippedBytes + st.HeldBytes + tls.Bytes - tls.Opened; sum != uint64(total) {
				t.Fatalf("%d bytes given, %d accounted for, %d of them held", total, sum, int64(st.HeldBytes))
			}
		}
		if given() {
			r.c.Closed(reassembly.EOF, r.now)
		}
		r.balance(t, total)
		for _, m := range r.msgs {
			if len(m.Payload) > limit {
				t.Errorf("%d bytes of a message: %s", len(m.Payload), describeMessage(m))
			}
		}
		opens, ends := 0, 0
		for _, l := range r.lines {
			if strings.HasPrefix(l, "open") {
				opens++
			} else if strings.HasPrefix(l, "end") {
				ends++
			}
		}
		if opens != ends || r.p.told.Len() != 0 {
			t.Errorf("%d opened, %d ended", opens, ends)
		}
	})
}

// FuzzFront: whatever short thing that is none of the protocols that we know stands
// before it, the talk comes out.
func FuzzFront(f *testing.F) {
	f.Add([]byte("STARTTLS\r\n"), []byte(""), byte(3))                              // a line of the client's
	f.Add([]byte("EHLO a\r\n"), []byte("220 ready\r\n250 a\r\n"), byte(1))          // a dialogue
	f.Add([]byte("\x00\x01\x02\x03"), []byte("\xff"), byte(0))                      // without a line's end
	f.Add([]byte("GET GET POST "), []byte("HTTP/1 "), byte(2))                      // nearly HTTP
	f.Add([]byte("\x81\x85\x00\x00\x00\x00hello"), []byte("\x81\x02hi"), byte(255)) // frames
	f.Fuzz(func(t *testing.T, client, server []byte, cut byte) {
		before := []turn{{c, string(client), 0}, {s, string(server), 0}}
		r := newRecorder(nil)
		feed := func(from Direction, b string) {
			for step := 1 + int(cut); len(b) > 0; {
				n := min(len(b), step)
				r.data(from, []byte(b[:n]))
				b = b[n:]
			}
		}
		for _, turn := range withTalk(before) {
			feed(turn.from, turn.data)
		}
		ignored := r.c.(*seat).ignored
		r.c.Closed(reassembly.FIN, r.now)
		if !ignored {
			r.balance(t, int(r.fed))
		}
		_, _, proxy := proxyproto.Parse(client)
		_, dialogue := socks.Parse(client, server)
		_, _, glued := http1.RequestLine(append(bytes.Clone(client), request...)) // with a strange method
		switch short := 2*(len(client)+len(server)+len(request)+len(response)) < maxArrivals*(1+int(cut)) && len(client) < 4096 && len(server) < 4096; {
		case !short, glued && len(client) > 0, len(client) > 0 && (proxy || dialogue || client[0] == 0x16 || bytes.Contains(client, []byte("\x16\x03"))):
		case bytes.Contains(client, []byte("HTTP/1.")), bytes.Contains(server, []byte("HTTP/1.")), http2.MaybeSettings(server):
		default:
			var got [2]string
			for _, m := range r.msgs {
				got[m.From] += string(m.Payload) + " "
			}
			if got != [2]string{"hello bye ", "x "} {
				t.Errorf("%q, %q: %s", client, server, strings.Join(r.lines, "\n"))
			}
		}
	})
}
