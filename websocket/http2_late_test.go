package websocket

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/http2"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// An h2Talk is an HTTP/2 connection whose frames are sent as they are written.
type h2Talk struct {
	*packetgen.Conversation
	sides [2]*h2Side
}

// newH2Talk begins one whose server sends settings, number and value.
func newH2Talk(settings ...uint32) *h2Talk {
	k := &h2Talk{Conversation: packetgen.NewConversation(), sides: [2]*h2Side{newH2Side(), newH2Side()}}
	k.NoAcks = true
	k.Open()
	k.sides[0].buf.WriteString(http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest)
	k.sides[0].settings()
	k.sides[1].settings(settings...)
	k.flush()
	return k
}

func (k *h2Talk) flush() {
	for dir, s := range k.sides {
		if b := s.take(); len(b) > 0 {
			k.Send(packetgen.Side(dir), b)
		}
	}
}

// webSocket opens a stream.
func (k *h2Talk) webSocket(id uint32) {
	k.sides[0].headers(id, false, connect(int(id))...)
	k.flush()
	k.sides[1].headers(id, false, ":status", "200")
	k.flush()
}

// chat sends n messages each way in a stream, each cut in DATA frames at random,
// and returns them.
func (k *h2Talk) chat(r *rand.Rand, id uint32, n int, make func(*rand.Rand) sent) (all [2][]sent) {
	for range n {
		for dir := range Direction(2) {
			m := make(r)
			all[dir] = append(all[dir], m)
			b := randomFrame(r, dir, 0x80|byte(m.op), m.payload)
			cut := len(b)
			if r.IntN(5) == 0 {
				cut = r.IntN(len(b))
			}
			for _, b := range [][]byte{b[:cut], b[cut:]} {
				for len(b) > 0 {
					n := min(len(b), 1<<14)
					k.sides[dir].data(id, false, b[:n], r.IntN(2)*r.IntN(20))
					b = b[n:]
				}
			}
			switch r.IntN(6) {
			case 0:
				k.sides[dir^1].frame(8, 0, id, 0, 0, 1, 0)
			case 1:
				k.sides[dir].frame(typePing, 0, 0, randomBytes(r, 8)...)
			}
			k.flush()
		}
	}
	return all
}

// grpc sends a call, or goes on with one: messages in DATA frames (gRPC over HTTP2,
// "Length-Prefixed-Message").
func (k *h2Talk) grpc(r *rand.Rand, id uint32, open bool) {
	for dir, s := range k.sides {
		if open && dir == 0 {
			s.headers(id, false, ":method", "POST", ":scheme", "http", ":path", "/pkg.Service/Call", ":authority", "example.com", "content-type", "application/grpc", "te", "trailers")
		} else if open {
			s.headers(id, false, ":status", "200", "content-type", "application/grpc")
		}
		for range 1 + r.IntN(3) {
			m := protobuf(r)
			s.data(id, false, append(binary.BigEndian.AppendUint32([]byte{byte(r.IntN(10) / 9)}, uint32(len(m))), m...), 0)
		}
		k.flush()
	}
}

// protobuf makes a message of fields of all kinds.
func protobuf(r *rand.Rand) (b []byte) {
	for range r.IntN(12) {
		field := uint64(1 + r.IntN(40))
		switch r.IntN(4) {
		case 0:
			b = binary.AppendUvarint(binary.AppendUvarint(b, field<<3), r.Uint64()>>r.IntN(64))
		case 1:
			b = binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, field<<3|1), r.Uint64())
		default:
			s := []byte(randomText(r, r.IntN(200)))
			if r.IntN(2) == 0 {
				s = randomBytes(r, r.IntN(200))
			}
			b = append(binary.AppendUvarint(binary.AppendUvarint(b, field<<3|2), uint64(len(s))), s...)
		}
	}
	return b
}

// TestHTTP2Late: a connection that is joined late gives the messages of the streams
// that were open, in whatever it is mixed with, and those of new ones from their
// handshake on.
func TestHTTP2Late(t *testing.T) {
	for _, l := range loads {
		for _, with := range []string{"alone", "beside gRPC", "ports the wrong way round"} {
			t.Run(l.name+" "+with, func(t *testing.T) {
				for seed := range testkit.Rounds(6, 2, 200) {
					r := rand.New(rand.NewPCG(uint64(seed), 11))
					k := newH2Talk(settingEnableConnect, 1)
					if with == "ports the wrong way round" {
						k.Client, k.Server = k.Server, k.Client
					}
					k.webSocket(1)
					k.grpc(r, 3, true)
					k.chat(r, 1, 3, l.make)
					from := len(k.Packets)
					beside := func() {
						if with == "beside gRPC" {
							k.grpc(r, 3, false)
						}
					}
					var old [2][]sent
					for range 20 {
						beside()
						for dir, m := range k.chat(r, 1, 2, l.make) {
							old[dir] = append(old[dir], m...)
						}
					}
					k.webSocket(5)
					fresh := k.chat(r, 5, 10, l.make)
					s := source(k.Conversation)
					s.frames = s.frames[from:]
					got := map[*Conn][2][]*Message{}
					tap := NewTap(s, nil)
					var last time.Time
					for e, err := range tap.Events(t.Context()) {
						if err != nil {
							t.Fatal(err)
						}
						if m, ok := e.(*Message); ok {
							if m.Time.Before(last) && len(m.Payload) > 0 { // an empty one says too little
								t.Errorf("seed %d: comes %v too late: %s", seed, last.Sub(m.Time), describeMessage(m))
							}
							last = m.Time
							both := got[m.Conn]
							both[m.From] = append(both[m.From], m.Clone())
							got[m.Conn] = both
						}
					}
					fewLarge := l.name == "large binary" // the new stream's are too few to be found by
					for c, msgs := range got {
						if c.Method != "CONNECT" || c.Client.Port() != k.Client.Port() {
							t.Errorf("seed %d: %+v", seed, c)
						}
						sent := old
						if c.URL != "" {
							sent = fresh
						}
						for dir := range sent {
							i := 0
							for _, m := range msgs[dir] {
								for i < len(sent[dir]) && (sent[dir][i].op != m.Opcode || string(sent[dir][i].payload) != string(m.Payload)) {
									i++
								}
								if i == len(sent[dir]) {
									t.Fatalf("seed %d: was not sent: %s", seed, describeMessage(m))
								}
								i++
							}
							if fewLarge && c.URL != "" {
								continue
							}
							if least := len(sent[dir]) * 9 / 10; len(msgs[dir]) < least || c.URL != "" && len(msgs[dir]) != len(sent[dir]) {
								t.Errorf("seed %d: %d messages of %d of %v, %s", seed, len(msgs[dir]), len(sent[dir]), Direction(dir), c.URL)
							}
						}
					}
					if len(got) != 2 && !(fewLarge && len(got) == 1) {
						t.Errorf("seed %d: %d WebSockets", seed, len(got))
					}
					checkAccounts(t, fmt.Sprint("seed ", seed), tap.Stats(), true)
				}
			})
		}
	}
}

// TestHTTP2LateSettings: the server allows WebSockets in its second SETTINGS.
func TestHTTP2LateSettings(t *testing.T) {
	for _, calls := range []int{0, 3, 2000} {
		r := rand.New(rand.NewPCG(uint64(calls), 12))
		k := newH2Talk(settingEnableConnect, 0)
		for i := range calls {
			k.grpc(r, uint32(2*i+1), true)
		}
		k.sides[1].settings(settingEnableConnect, 1)
		k.flush()
		k.webSocket(9001)
		all := k.chat(r, 9001, 20, loads[0].make)
		if n := whole(t, source(k.Conversation), all); n != 40 {
			t.Errorf("after %d calls: %d messages", calls, n)
		}
	}
}

// TestHTTP2NotWebSocket: gRPC is never taken for WebSocket, joined late or not, nor
// with losses. WSTAP_LONG=1 tries 10,000 connections.
func TestHTTP2NotWebSocket(t *testing.T) {
	for seed := range testkit.Rounds(200, 20, 10_000) {
		r := rand.New(rand.NewPCG(uint64(seed), 13))
		k := newH2Talk(settingEnableConnect, uint32(seed&1))
		k.Client = netip.AddrPortFrom(k.Client.Addr(), uint16(1024+r.IntN(60000)))
		for i := range 4 {
			k.grpc(r, uint32(2*i+1), true)
		}
		from := len(k.Packets)
		for range 10 + r.IntN(40) {
			k.grpc(r, uint32(2*r.IntN(4)+1), false)
		}
		for i := range 5 {
			k.grpc(r, uint32(2*i+9), true)
		}
		s := source(k.Conversation)
		switch seed / 2 % 3 {
		case 0:
			s.frames = s.frames[r.IntN(2*from):]
		case 1:
			lose(r, s, 0.1, 3)
		}
		tap := NewTap(s, nil)
		for e, err := range tap.Events(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			t.Errorf("seed %d: %+v", seed, e)
		}
		if st := tap.Stats(); st.Conns != 0 || st.HeldBytes != 0 || st.BufferedBytes != 0 {
			t.Fatalf("seed %d: %d connections, %d bytes held, %d buffered", seed, st.Conns, st.HeldBytes, st.BufferedBytes)
		}
	}
}

// TestHTTP2Anywhere joins a connection in each place of its stream.
func TestHTTP2Anywhere(t *testing.T) {
	streams, _ := http2Streams()
	for from := range streams[0] {
		r := newRecorder(nil)
		r.c = newSeat(r.p, true)
		r.data(FromClient, streams[0][from:])
		r.data(FromServer, streams[1][min(from, len(streams[1])):])
		r.c.Closed(1, r.now)
		if r.p.budget.Held() != 0 || r.p.counts.HeldBytes != 0 {
			t.Fatalf("from %d: %d bytes held", from, r.p.budget.Held())
		}
		if i := slices.IndexFunc(r.msgs, func(m *Message) bool { return m.From == FromServer && m.Compressed }); i >= 0 {
			t.Errorf("from %d: %s", from, describeMessage(r.msgs[i]))
		}
	}
}

// TestHTTP2Hostile: thousands of streams with bytes that are searched for frames stay
// within the budget, whoever has to give up for it.
func TestHTTP2Hostile(t *testing.T) {
	for seed := range uint64(6) {
		const budget = 1 << 20
		r := newRecorder(&Config{MaxBuffered: budget})
		rnd := rand.New(rand.NewPCG(seed, 16))
		seats := make([]*seat, 1+seed/2*5)
		head := []byte{0x82, 126, 0x3f, 0xff} // of what may be a frame
		if seed&1 != 0 {
			head = nil
		}
		total := 0
		for i := range seats {
			seats[i] = newSeat(r.p, true)
		}
		for id := uint32(1); id < 6000; id += 2 {
			for dir := range Direction(2) {
				s := newH2Side()
				for range 3 {
					s.data(id, false, append(head[:len(head):len(head)], randomBytes(rnd, rnd.IntN(600))...), 0)
				}
				b := s.take()
				k := seats[rnd.IntN(len(seats))]
				if k.ignored {
					continue
				}
				total += len(b)
				k.Data(dir, b, r.now)
				if rnd.IntN(20) == 0 {
					k.Gap(dir, 100, r.now)
				}
				if held := r.p.budget.Held(); held > budget+1<<17 {
					t.Fatalf("seed %d: %d bytes held", seed, held)
				}
			}
		}
		for _, k := range seats {
			k.Closed(reassembly.EOF, r.now)
		}
		st := &r.p.counts
		if sum := st.HTTPBytes + st.HeaderBytes + st.PayloadBytes + st.SkippedBytes; sum != uint64(total) || r.p.budget.Held() != 0 || st.HeldBytes != 0 {
			t.Errorf("seed %d: %d bytes given, %d accounted for; %d held, %d counted so", seed, total, sum, r.p.budget.Held(), st.HeldBytes)
		}
		if r.givenUp() == 0 {
			t.Errorf("seed %d: nothing was given up", seed)
		}
	}
}
