package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"github.com/wstap/wstap/internal/http2"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/wstap/wstap/reassembly"
)

// An h2Side writes one direction of an HTTP/2 connection.
type h2Side struct {
	buf   bytes.Buffer
	block bytes.Buffer
	enc   *hpack.Encoder
}

func newH2Side() *h2Side {
	s := &h2Side{}
	s.enc = hpack.NewEncoder(&s.block)
	return s
}

func (s *h2Side) frame(typ, flags byte, id uint32, payload ...byte) {
	n := len(payload)
	s.buf.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n), typ, flags})
	s.buf.Write(binary.BigEndian.AppendUint32(nil, id))
	s.buf.Write(payload)
}

// settings sends settings of four bytes each, number and value.
func (s *h2Side) settings(values ...uint32) {
	var b []byte
	for i := 0; i < len(values); i += 2 {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, uint16(values[i])), values[i+1])
	}
	s.frame(typeSettings, 0, 0, b...)
}

func (s *h2Side) data(id uint32, end bool, b []byte, pad int) {
	var flags byte
	if end {
		flags |= flagEndStream
	}
	if pad > 0 {
		flags |= flagPadded
		b = append(append([]byte{byte(pad)}, b...), make([]byte, pad)...)
	}
	s.frame(typeData, flags, id, b...)
}

// headers sends a header block with padding and priority, in two frames.
func (s *h2Side) headers(id uint32, end bool, kv ...string) {
	s.block.Reset()
	for i := 0; i < len(kv); i += 2 {
		s.enc.WriteField(hpack.HeaderField{Name: kv[i], Value: kv[i+1]})
	}
	b := s.block.Bytes()
	cut := len(b) / 2
	flags := byte(flagPadded | flagPriority)
	if end {
		flags |= flagEndStream
	}
	s.frame(typeHeaders, flags, id, slices.Concat([]byte{3, 0, 0, 0, 1, 5}, b[:cut], make([]byte, 3))...)
	s.frame(typeContinuation, flagEndHeaders, id, b[cut:]...)
}

func (s *h2Side) take() []byte {
	b := bytes.Clone(s.buf.Bytes())
	s.buf.Reset()
	return b
}

func connect(id int) []string {
	return []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", fmt.Sprintf("/chat%d", id),
		":authority", "example.com", "sec-websocket-version", "13", "sec-websocket-extensions", "permessage-deflate"}
}

// http2Streams are both directions of a connection with two WebSockets, a
// refusal and an ordinary request.
func http2Streams() (streams [2][]byte, want []string) {
	cl, sv := newH2Side(), newH2Side()
	cl.buf.WriteString(http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest)
	cl.settings()
	sv.settings(settingEnableConnect, 1)
	cl.frame(typeSettings, flagAck, 0)
	for id := 1; id <= 5; id += 2 {
		cl.headers(uint32(id), false, connect(id)...)
	}
	cl.headers(7, true, ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "example.com")
	sv.headers(7, false, ":status", "200", "content-type", "text/plain")
	sv.data(7, true, []byte("\x81\x05hello"), 0)
	sv.headers(1, false, ":status", "200", "sec-websocket-protocol", "chat", "sec-websocket-extensions", "permessage-deflate")
	sv.headers(3, true, ":status", "403")
	sv.headers(5, false, ":status", "200")
	comp := newCompressor(true)
	want = []string{"open 200 ws://example.com/chat1", "open 403 ws://example.com/chat3", "end fin", "open 200 ws://example.com/chat5"}
	for i := range 5 {
		text := fmt.Sprintf("message %d", i)
		cl.data(1, false, testFrame(FromClient, 0xC1, comp.message([]byte(text))), i*30)
		cl.data(5, false, testFrame(FromClient, 0x81, []byte(text))[:4], 0)
		cl.frame(typePing, 0, 0, make([]byte, 8)...)
		cl.data(5, false, testFrame(FromClient, 0x81, []byte(text))[4:], 0)
		sv.data(1, false, append(testFrame(FromServer, 0x81, []byte(text)), testFrame(FromServer, 0x89, nil)...), 0)
		want = append(want, fmt.Sprintf("client text %q compressed", text), fmt.Sprintf("client text %q", text),
			fmt.Sprintf("server text %q", text), `server ping ""`)
	}
	cl.data(1, true, nil, 0)
	sv.data(1, true, nil, 0)
	cl.frame(typeReset, 0, 5, 0, 0, 0, 8)
	want = append(want, "end fin", "end rst")
	return [2][]byte{cl.take(), sv.take()}, want
}

func TestHTTP2(t *testing.T) {
	streams, want := http2Streams()
	slices.Sort(want)
	for seed := range 300 {
		r := newRecorder(nil)
		rnd := rand.New(rand.NewPCG(9, uint64(seed)))
		most := []int{1, 5, 50, 1460, 100000}[seed%5]
		pos := [2]int{}
		for pos[0] < len(streams[0]) || pos[1] < len(streams[1]) {
			dir := rnd.IntN(2)
			if seed%4 == 1 { // the client runs ahead; a reset then ends a stream early
				dir = 1
				if pos[1] == len(streams[1]) {
					dir = 0
				}
			}
			n := min(1+rnd.IntN(most), len(streams[dir])-pos[dir])
			if n > 0 {
				r.data(Direction(dir), streams[dir][pos[dir]:pos[dir]+n])
				pos[dir] += n
			}
		}
		r.c.Closed(reassembly.FIN, r.now)
		got := slices.Sorted(slices.Values(r.lines))
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(r.lines, "\n"), strings.Join(want, "\n"))
		}
		if r.p.budget.Held() != 0 {
			t.Fatalf("seed %d: %d bytes still held", seed, r.p.budget.Held())
		}
		for _, c := range r.opens {
			if c.Method != "CONNECT" || !c.AcceptValid || c.Request().Get("Sec-Websocket-Version") != "13" || strings.HasSuffix(c.URL, "1") && c.Subprotocol != "chat" {
				t.Fatalf("handshake %+v", c)
			}
		}
	}
}

// TestHTTP2Gaps loses bytes in DATA frames, and whole frames.
func TestHTTP2Gaps(t *testing.T) {
	cl, sv := newH2Side(), newH2Side()
	cl.buf.WriteString(http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest)
	cl.settings()
	sv.settings(settingEnableConnect, 1)
	cl.headers(1, false, connect(1)...)
	sv.headers(1, false, ":status", "200")
	r := newRecorder(nil)
	r.data(FromClient, cl.take())
	r.data(FromServer, sv.take())
	sv.data(1, false, testFrame(FromServer, 0x81, []byte(strings.Repeat("x", 50))), 0)
	b := sv.take()
	r.data(FromServer, b[:20])
	r.c.Gap(FromServer, 10, r.now)
	r.data(FromServer, b[30:])
	message := func(i int) []byte {
		sv.data(1, false, testFrame(FromServer, 0x81, fmt.Appendf(nil, `{"n":%d,"text":"abcdefgh"}`, i)), 0)
		return sv.take()
	}
	r.data(FromServer, message(1))
	r.c.Gap(FromServer, int64(len(message(2))), r.now)
	r.data(FromServer, message(3))
	r.data(FromServer, message(4))
	r.c.Closed(reassembly.EOF, r.now)
	r.want(t, "open 200 ws://example.com/chat1", "gap server 10",
		`server text "`+strings.Repeat("x", 40)+`" truncated`,
		`server text "{\"n\":1,\"text\":\"abcdefgh\"}"`,
		"gap server 36",
		`server text "{\"n\":3,\"text\":\"abcdefgh\"}" midstream`,
		`server text "{\"n\":4,\"text\":\"abcdefgh\"}" midstream`,
		"end eof")
}
