package websocket

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"github.com/wstap/wstap/internal/frame"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// What a scenario's second byte does to the capture.
const (
	reordered = 1 << iota // packets change places
	repeated              // some come twice
	dropped               // some are missing
	snapped               // all are cut at a snapshot length
	forged                // some come again with other bytes
	inPieces              // some come as IP fragments
	joined                // the capture begins in the middle

	harmless = reordered | repeated | inPieces // all messages can be read
)

// A scenario is what a few connections send each other and what becomes of it
// in a capture, as the fuzzer's bytes say. The first eight bytes choose the
// form:
//
//	0 the link layer (2 bits), IPv6, compression (2 bits), pcapng, gzip, no ACKs
//	1 the damage, as above
//	2 the segments' length less one; 255: 1460
//	3 how much of the damage there is
//	4 the snapshot length less 40
//	5 connections less one (2 bits), the client's first number (2 bits), requests
//	  before the opening (3 bits); the top bit: the 101 response waits for the
//	  first message
//	6 the seed for what remains to be chosen (2 bytes)
//
// After them two bytes make a message: direction, connection (2 bits), kind (3
// bits), compressed, sent together with the next; and its length.
type scenario struct {
	form   [8]byte
	rnd    *rand.Rand
	talks  []*talk
	sent   map[pair][]string // as simple describes them
	spans  map[pair][]span   // where each stands in its stream
	forged map[pair][]*forgery
	wild   map[pair]bool // forged bytes may be taken for those sent, or change where frames begin
}

// A forgery is a part of the stream sent again with other bytes.
type forgery struct {
	span
	time time.Time // when it was captured
}

// A talk is one connection of a scenario.
type talk struct {
	*packetgen.Conversation
	deflate [2]*compressor
	held    [2][]byte
	stream  [2][]byte // what is sent in all
	payload [2][]bool // which of it is uncompressed payload
	seen    [2][]bool // which of it was captured
	frames  [2][]sentFrame
	heads   [2]int  // length of the opening handshake
	begun   [2]bool // the SYN was captured, with all of its header
}

// A sentFrame is a frame by its place in the stream; body is that of its payload.
type sentFrame struct {
	from, body, to int
	of             *sentMessage
	last           bool
}

// A sentMessage is a message as simple describes it.
type sentMessage struct {
	line       string
	compressed bool
	damaged    bool // not all of it was captured
}

func (s *scenario) has(damage byte) bool { return s.form[1]&damage != 0 }

func (s *scenario) chance() bool { return byte(s.rnd.Uint32()) < s.form[3] }

func newScenario(script []byte) *scenario {
	s := &scenario{sent: map[pair][]string{}, spans: map[pair][]span{}, forged: map[pair][]*forgery{}, wild: map[pair]bool{}}
	script = script[copy(s.form[:], script):]
	s.rnd = rand.New(rand.NewPCG(uint64(s.form[6])|uint64(s.form[7])<<8, 1))
	for i := range int(s.form[5]&3) + 1 {
		s.talks = append(s.talks, s.open(i))
	}
	for n := 0; len(script) >= 2 && n < 64; n++ {
		s.message(script[0], int(script[1]))
		script = script[2:]
	}
	for _, k := range s.talks {
		for dir := range packetgen.Side(2) {
			k.Send(dir, k.held[dir])
		}
		k.Close(packetgen.Client)
	}
	return s
}

// exchanges are requests that stand before the opening, with their answers.
var exchanges = [][2]string{
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x81\x03abc"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"},
	{"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHTTP/\r\n0\r\n\r\n"},
	{strings.Replace(request, "websocket", "h2c, websocket", 1), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"},
}

func (s *scenario) open(i int) *talk {
	k := &talk{Conversation: packetgen.NewConversation()}
	k.Client, k.Server = netip.MustParseAddrPort(fmt.Sprint("10.0.0.1:", 40000+i)), netip.MustParseAddrPort("10.0.0.2:7272")
	if s.form[0]&4 != 0 {
		k.Client, k.Server = netip.MustParseAddrPort(fmt.Sprint("[fd00::1]:", 40000+i)), netip.MustParseAddrPort("[fd00::2]:7272")
	}
	link := packetgen.Ethernet()
	switch s.form[0] & 3 {
	case 1:
		link.VLANs = []packetgen.VLAN{{TCI: 7}}
	case 2:
		link.Type = decode.LinkSLL2
	case 3:
		link.Type = decode.LinkRaw
	}
	k.Link = &link
	if k.MSS = int(s.form[2]) + 1; k.MSS == 256 {
		k.MSS = 1460
	}
	k.ISN[0] = []uint32{1000, 1<<32 - 1, 1<<32 - 400, 1<<31 - 500}[s.form[5]>>2&3]
	k.NoAcks = s.form[0]&0x80 != 0
	k.Time = k.Time.Add(time.Duration(i) * 300 * time.Microsecond)
	extension := [4]string{"", "Sec-WebSocket-Extensions: permessage-deflate\r\n",
		"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"}[s.form[0]>>3&3]
	if extension != "" {
		for dir := range k.deflate {
			k.deflate[dir] = newCompressor(s.form[0]>>3&3 == 1)
		}
	}
	k.Open()
	for i := range int(s.form[5] >> 4 & 7) {
		for dir, b := range exchanges[i%len(exchanges)] {
			k.write(packetgen.Side(dir), []byte(b), false)
			k.Send(packetgen.Side(dir), k.held[dir])
			k.held[dir] = nil
		}
	}
	k.write(packetgen.Client, []byte(request), false)
	k.Send(packetgen.Client, k.held[0])
	k.write(packetgen.Server, []byte(accepted+extension+"\r\n"), false)
	k.heads = [2]int{len(k.stream[0]), len(k.stream[1])}
	k.held[0] = nil
	if s.form[5]&0x80 == 0 { // otherwise the first message follows in the same segment
		k.Send(packetgen.Server, k.held[1])
		k.held[1] = nil
	}
	return k
}

// write adds b to what is held for a direction.
func (k *talk) write(dir packetgen.Side, b []byte, payload bool) {
	k.held[dir] = append(k.held[dir], b...)
	k.stream[dir] = append(k.stream[dir], b...)
	for range b {
		k.payload[dir] = append(k.payload[dir], payload)
		k.seen[dir] = append(k.seen[dir], false)
	}
}

// message sends a message.
func (s *scenario) message(op byte, n int) {
	dir := Direction(op & 1)
	k := s.talks[int(op>>1&3)%len(s.talks)]
	way := pair{k.Client, k.Server}
	if dir == FromServer {
		way = way.reverse()
	}
	m := Message{From: dir, Opcode: Text, Frames: 1}
	m.Payload = []byte(randomText(s.rnd, n))
	switch op >> 3 & 7 {
	case 1:
		m.Opcode, m.Payload = Binary, randomBytes(s.rnd, n)
	case 2:
		m.Opcode, m.Payload = []Opcode{Ping, Pong}[n&1], m.Payload[:min(n, 125)]
	case 3: // a longer form of the length
		m.Payload = bytes.Repeat(m.Payload, 20)
	case 4: // in fragments
		m.Frames = 2 + n%3
	case 5:
		m.Payload = []byte(strings.Repeat(`{"type":"say","content":"hi, all !"}`, 1+n/32))
		m.Frames = 1 + n%2
	case 6: // a payload that looks like frames
		m.Opcode, m.Payload = Binary, bytes.Repeat(testFrame(dir, 0x81, m.Payload[:min(n, 10)]), 1+n%8)
	case 7:
		m.Opcode, m.Payload = Close, append([]byte{3, 0xe8}, m.Payload[:min(n, 123)]...)
	}
	wire := m.Payload
	if c := k.deflate[dir]; c != nil && !m.Opcode.Control() && op&0x40 != 0 {
		m.Compressed, wire = true, c.message(m.Payload)
	}
	begin := len(k.stream[dir])
	whole := &sentMessage{line: simple(&m, false), compressed: m.Compressed}
	for i := range m.Frames {
		b0 := byte(0)
		if i == 0 {
			if b0 = byte(m.Opcode); m.Compressed {
				b0 |= frame.RSV1
			}
		}
		part := wire[len(wire)*i/m.Frames : len(wire)*(i+1)/m.Frames]
		if i == m.Frames-1 {
			b0 |= 0x80
		}
		k.frame(dir, whole, randomFrame(s.rnd, dir, b0, part), len(part))
		if b0&0x80 == 0 && n&8 != 0 {
			at := len(k.stream[dir])
			ping := &sentMessage{line: simple(&Message{From: dir, Opcode: Ping, Payload: []byte("?"), Frames: 1}, false)}
			k.frame(dir, ping, randomFrame(s.rnd, dir, 0x89, []byte("?")), 1)
			s.say(way, ping, at, len(k.stream[dir]))
		}
	}
	s.say(way, whole, begin, len(k.stream[dir]))
	if op&0x80 == 0 {
		k.Send(packetgen.Side(dir), k.held[dir])
		k.held[dir] = nil
	}
}

// frame writes a frame with n bytes of payload.
func (k *talk) frame(dir Direction, m *sentMessage, b []byte, n int) {
	at := len(k.stream[dir])
	k.write(packetgen.Side(dir), b[:len(b)-n], false)
	k.write(packetgen.Side(dir), b[len(b)-n:], !m.compressed)
	k.frames[dir] = append(k.frames[dir], sentFrame{at, at + len(b) - n, at + len(b), m, b[0]&0x80 != 0})
}

func (s *scenario) say(way pair, m *sentMessage, from, to int) {
	s.sent[way] = append(s.sent[way], m.line)
	s.spans[way] = append(s.spans[way], span{int64(from), int64(to)})
}

// A piece is a frame on its way into the file.
type piece struct {
	at     int
	data   []byte
	forged *forgery
}

// pieces puts the packets of all connections in the order of the capture, with
// the damage done.
func (s *scenario) pieces() []piece {
	type packet struct {
		*talk
		*packetgen.Packet
	}
	var packets []packet
	for _, k := range s.talks {
		for i := range k.Packets {
			packets = append(packets, packet{k, &k.Packets[i]})
		}
	}
	slices.SortStableFunc(packets, func(a, b packet) int { return a.Packet.Time.Compare(b.Packet.Time) })
	if s.has(joined) {
		packets = packets[len(packets)*int(s.form[3])/256:]
	}
	var pieces []piece
	place := func(i int, k *talk, p *packetgen.Packet, f *forgery) {
		k.see(p, s.snap(len(p.Frame)))
		if s.has(reordered) && p.TCP.Flags&decode.SYN == 0 {
			i += s.rnd.IntN(8)
		}
		if s.has(inPieces) && s.chance() {
			tcp := p.TCP                    // Linux refuses a first fragment without the whole TCP header
			tcp.IP.ID = uint32(len(pieces)) // of one datagram only
			for _, b := range tcp.Fragments(24 + s.rnd.IntN(64)) {
				pieces = append(pieces, piece{i, b, f})
			}
			return
		}
		pieces = append(pieces, piece{i, p.Frame, f})
	}
	for i, p := range packets {
		if s.has(dropped) && s.chance() {
			continue
		}
		place(i, p.talk, p.Packet, nil)
		if s.has(repeated) && s.chance() {
			place(i+s.rnd.IntN(20), p.talk, s.again(p.talk, p.Packet), nil)
		}
		if s.has(forged) && s.chance() && len(p.TCP.Payload) > 0 {
			copied, f := s.forge(p.talk, p.Packet)
			place(i+s.rnd.IntN(20), p.talk, copied, f)
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.at - b.at })
	return pieces
}

// see notes what of a segment was captured, where its frame is cut at n bytes.
func (k *talk) see(p *packetgen.Packet, n int) {
	headers := len(p.Frame) - len(p.TCP.Payload)
	k.begun[p.From] = k.begun[p.From] || p.TCP.Flags&decode.SYN != 0 && n >= headers
	at := int(p.TCP.Seq - k.ISN[p.From] - 1)
	for i := range n - headers {
		k.seen[p.From][at+i] = true
	}
}

// snap returns how much of n bytes the snapshot length leaves.
func (s *scenario) snap(n int) int {
	if !s.has(snapped) {
		return n
	}
	return min(n, 40+int(s.form[4]))
}

// again returns a segment sent again, perhaps with more of the stream around it.
func (s *scenario) again(k *talk, p *packetgen.Packet) *packetgen.Packet {
	if len(p.TCP.Payload) == 0 || s.rnd.IntN(2) == 0 {
		return p
	}
	c := *p
	stream := k.stream[p.From]
	at := int(p.TCP.Seq - k.ISN[p.From] - 1)
	from := max(0, at-s.rnd.IntN(40))
	to := min(len(stream), at+len(p.TCP.Payload)+s.rnd.IntN(40))
	c.TCP.Seq = p.TCP.Seq - uint32(at-from)
	c.TCP.Payload = stream[from:to]
	c.Frame = c.TCP.Frame()
	return &c
}

// forge returns a segment sent again with some bytes changed.
func (s *scenario) forge(k *talk, p *packetgen.Packet) (*packetgen.Packet, *forgery) {
	c := *p
	c.TCP.Payload = bytes.Clone(p.TCP.Payload)
	from := s.rnd.IntN(len(c.TCP.Payload))
	to := min(len(c.TCP.Payload), from+1+s.rnd.IntN(8))
	at := int(p.TCP.Seq - k.ISN[p.From] - 1)
	way := pair{p.TCP.Src, p.TCP.Dst}
	for i := from; i < to; i++ {
		c.TCP.Payload[i] ^= byte(1 + s.rnd.IntN(255))
		// Where it may be captured before the right one, it counts.
		if !k.payload[p.From][at+i] || s.has(reordered|dropped) {
			s.wild[way] = true
			if at+i < k.heads[p.From] { // no WebSocket, perhaps
				s.wild[way.reverse()] = true
			}
		}
	}
	c.Frame = c.TCP.Frame()
	f := &forgery{span: span{int64(at + from), int64(at + to)}}
	s.forged[way] = append(s.forged[way], f)
	return &c, f
}

// file writes the capture file.
func (s *scenario) file() []byte {
	var out bytes.Buffer
	cfg := &pcapfile.WriterConfig{Format: pcapfile.Pcap, FlushInterval: time.Hour}
	if s.form[0]&0x20 != 0 {
		cfg.Format = pcapfile.Pcapng
	}
	link := s.talks[0].Link.Type
	w, err := pcapfile.NewWriter(&out, link, cfg)
	if err != nil {
		panic(err)
	}
	now := s.talks[0].Packets[0].Time
	for _, p := range s.pieces() {
		f := capture.Frame{Data: p.data, Length: len(p.data), Time: now, Link: link}
		if p.forged != nil {
			p.forged.time = now
		}
		f.Data = f.Data[:s.snap(len(f.Data))]
		if err := w.WriteFrame(&f); err != nil {
			panic(err)
		}
		now = now.Add(time.Millisecond)
	}
	w.Close()
	if s.form[0]&0x40 == 0 {
		return out.Bytes()
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(out.Bytes())
	z.Close()
	return packed.Bytes()
}
