package reassembly

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

// scenes are captures of one pair of ports and what is told of them.
var scenes = []struct {
	name string
	cfg  *Config
	play func(b *bench)
	want string
}{
	{"in order, both sides close", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "abc"))
		b.packet(seg(server, 0, 501, 104, "xyz"))
		b.packet(seg(client, decode.FIN, 104, 504, "d"))
		b.packet(seg(server, decode.FIN, 504, 106, ""))
		b.packet(seg(client, 0, 106, 505, "")) // the stray last ACK
	}, "client abc|server xyz|client d|closed fin"},
	{"half-close", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, decode.FIN, 101, 501, "q"))
		b.packet(seg(server, 0, 501, 103, "answer"))
		b.packet(seg(server, decode.FIN, 507, 103, ""))
	}, "client q|server answer|closed fin"},
	{"out of order", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 103, 501, "c"))
		b.packet(seg(client, 0, 102, 501, "b"))
		b.packet(seg(client, 0, 101, 501, "a"))
	}, "client abc|closed eof"},
	{"wrapped numbers", nil, func(b *bench) {
		b.open(0xfffffffd, 0xffffffff)
		b.packet(seg(client, 0, 0xffffffff, 0, "bcd"))
		b.packet(seg(client, 0, 0xfffffffe, 0, "a"))
		b.packet(seg(server, 0, 0, 2, "x"))
	}, "client abcd|server x|closed eof"},
	{"retransmission and keep-alive", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "abc"))
		b.packet(seg(client, 0, 101, 501, "abcd"))
		b.packet(seg(client, 0, 104, 501, "\x00"))
		b.packet(seg(client, 0, 105, 501, "e"))
	}, "client abcde|closed eof"},
	{"a hole that is acknowledged and never filled", &Config{AckedHolePackets: 1}, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "ab"))
		b.packet(seg(client, 0, 105, 501, "ef"))
		b.packet(seg(server, 0, 501, 107, "x"))
		b.packet(seg(client, 0, 103, 502, "cd"))
	}, "client ab|gap client 2|client ef|server x|closed eof"},
	{"an acknowledgment captured before its data", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(server, 0, 501, 107, "x"))
		b.packet(seg(client, 0, 105, 501, "ef"))
		b.packet(seg(client, 0, 101, 501, "abcd"))
	}, "client abcdef|server x|closed eof"},
	{"an acknowledged hole times out", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(server, 0, 501, 104, "x"))
		b.now = b.now.Add(2 * time.Second)
		b.packet(seg(server, 0, 502, 104, "y"))
	}, "gap client 3|server xy|closed eof"},
	{"what both sides say behind a hole comes in the order of its capture", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(server, 0, 501, 102, "v")) // acknowledges what is lost
		b.packet(seg(client, 0, 102, 502, "b"))
		b.packet(seg(server, 0, 502, 103, "w"))
		b.packet(seg(client, 0, 103, 503, "c"))
		b.packet(seg(client, 0, 104, 503, "d"))
		b.packet(seg(server, 0, 503, 105, "x"))
	}, "gap client 1|server v|client b|server w|client cd|server x|closed eof"},
	{"so does what they say behind holes of both", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(server, 0, 501, 102, "v"))
		b.packet(seg(client, 0, 102, 503, "b")) // acknowledges what is lost
		b.packet(seg(server, 0, 503, 103, "x"))
		b.packet(seg(client, 0, 103, 504, "c"))
		b.now = b.now.Add(time.Second)
		b.packet(seg(server, 0, 504, 104, "y"))
		b.now = b.now.Add(time.Second)
		b.packet(seg(client, 0, 104, 505, "d"))
	}, "gap client 1|server v|gap server 1|client b|server x|client c|server y|client d|closed eof"},
	{"an answer to what is lost, and of which a part is lost", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(server, 0, 501, 103, "v"))
		b.packet(seg(server, 0, 503, 103, "x"))
		b.packet(seg(client, 0, 103, 504, "c"))
		b.packet(seg(client, 0, 101, 501, "ab")) // comes late
		b.packet(seg(server, 0, 502, 103, "w"))
	}, "client ab|server vwx|client c|closed eof"},
	{"an answer does not wait for what it does not acknowledge", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 102, 501, "b"))
		b.packet(seg(server, 0, 501, 101, "v"))
		b.packet(seg(client, 0, 101, 502, "a"))
	}, "server v|client ab|closed eof"},
	{"nor for long", &Config{MaxFlowBytes: 1 << 10}, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(server, 0, 501, 102, "v"))
		for i := range uint32(10) {
			b.packet(seg(server, 0, 502+i, 102, "w"))
		}
		b.packet(seg(client, 0, 102, 501, "b"))
	}, "gap client 1|server vwwwwwwwwww|client b|closed eof"},
	{"a FIN that is acknowledged before it is captured", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(server, decode.FIN, 501, 103, "x"))
		b.packet(seg(client, decode.FIN, 102, 501, ""))
	}, "client a|server x|closed fin"},
	{"segments out of order, far behind the last acknowledgment that was captured", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "ab"))
		b.packet(seg(server, 0, 501, 103, ""))
		long := strings.Repeat(".", 50_000)
		for i := range uint32(10) {
			b.packet(seg(client, 0, 103+i*50_000, 501, long))
		}
		b.packet(seg(client, 0, 103+500_000+1, 501, "d"))
		b.packet(seg(client, 0, 103+500_000, 501, "c"))
		b.packet(seg(client, 0, 103+500_000+2, 501, "e"))
		got := &b.flows[0].log[0]
		*got = strings.ReplaceAll(*got, ".", "")
	}, "client abcde|closed eof"},
	{"a hole is told at the end", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 103, 501, "c"))
	}, "gap client 2|client c|closed eof"},
	{"snapshot length", nil, func(b *bench) {
		b.open(100, 500)
		p := seg(client, 0, 101, 501, "abc")
		p.PayloadLen = 10
		b.packet(p)
		b.packet(seg(client, 0, 111, 501, "k"))
		p = seg(client, 0, 113, 501, "m")
		p.PayloadLen = 3
		b.packet(p)
		b.packet(seg(client, 0, 112, 501, "l"))
		b.packet(seg(client, 0, 116, 501, "p"))
	}, "client abc|gap client 7|client klm|gap client 2|client p|closed eof"},
	{"mid-stream, the server speaks first", nil, func(b *bench) {
		b.packet(seg(server, 0, 501, 104, "x"))
		b.packet(seg(client, 0, 104, 502, "a"))
	}, "server x|client a|closed eof"},
	{"a stray last ACK makes no flow", nil, func(b *bench) {
		b.packet(seg(client, 0, 106, 505, ""))
		b.packet(seg(client, decode.FIN, 106, 505, ""))
	}, ""},
	{"reset in the window", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(server, decode.RST, 501+80000, 0, ""))
		b.packet(seg(server, decode.RST, 400, 0, ""))
		b.packet(seg(client, 0, 102, 501, "b"))
		b.packet(seg(server, decode.RST, 501, 0, ""))
		b.packet(seg(client, 0, 103, 501, "c"))
	}, "client ab|closed rst"},
	{"a new connection on old ports", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.open(9100, 9500)
		b.packet(seg(client, 0, 9101, 9501, "b"))
	}, "client a|closed reused || client b|closed eof"},
	{"a forged SYN ends nothing", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, decode.SYN, 9100, 0, ""))
		b.packet(seg(server, 0, 501, 102, "x")) // the challenge ACK
		b.packet(seg(client, 0, 102, 502, "b"))
	}, "client a|server x|client b|closed eof"},
	{"a new connection after a closed one", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, decode.FIN, 101, 501, "a"))
		b.packet(seg(server, decode.FIN, 501, 103, ""))
		b.open(9100, 9500)
		b.packet(seg(client, 0, 9101, 9501, "b"))
	}, "client a|closed fin || client b|closed eof"},
	{"overlap of queued data, other contents", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 102, 501, "bcd"))
		b.packet(seg(client, 0, 104, 501, "DEF"))
		b.packet(seg(client, 0, 101, 501, "a"))
	}, "conflict client 3+1|client abcdEF|closed eof"},
	{"data on the SYN, accepted", nil, func(b *bench) {
		b.packet(seg(client, decode.SYN, 100, 0, "abc"))
		b.packet(seg(server, decode.SYN, 500, 104, ""))
		b.packet(seg(client, 0, 104, 501, "d"))
	}, "client abcd|closed eof"},
	{"data on the SYN, refused", nil, func(b *bench) {
		b.packet(seg(client, decode.SYN, 100, 0, "abc"))
		b.packet(seg(server, decode.SYN, 500, 101, ""))
		b.packet(seg(client, 0, 101, 501, "xyz"))
	}, "client xyz|closed eof"},
	{"simultaneous open", nil, func(b *bench) {
		b.packet(seg(client, decode.SYN, 100, 0, ""))
		b.packet(seg(server, decode.SYN, 500, 0, ""))
		b.packet(seg(client, decode.SYN, 100, 501, ""))
		b.packet(seg(server, decode.SYN, 500, 101, ""))
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(server, 0, 501, 102, "x"))
	}, "client a|server x|closed eof"},
	{"the FIN was lost, its acknowledgment not", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, decode.FIN, 102, 501, ""))
		b.packet(seg(server, decode.FIN, 501, 103, "x"))
		b.packet(seg(server, decode.FIN, 501, 103, "x"))
	}, "client a|server x|closed fin"},
	{"data that was delivered, sent again with other contents", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "abc"))
		b.packet(seg(client, 0, 104, 501, "def"))
		b.packet(seg(client, 0, 101, 501, "aBCDef"))
		b.packet(seg(client, 0, 104, 501, "deFghi"))
	}, "client abcdef|conflict client 3+1|conflict client 1+2|conflict client 5+1|client ghi|closed eof"},
	{"no recent bytes, no conflicts", &Config{RecentBytes: -1}, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "abc"))
		b.packet(seg(client, 0, 101, 501, "xyz"))
	}, "client abc|closed eof"},
	{"an urgent byte", nil, func(b *bench) {
		b.open(100, 500)
		p := seg(client, decode.URG, 101, 501, "ab!c")
		p.Urgent = 3
		b.packet(p)
		p = seg(client, decode.URG, 108, 501, "fg")
		p.Urgent = 1
		b.packet(p)
		b.packet(seg(client, 0, 105, 501, "cde"))
	}, "client abccdeg|closed eof"},
	{"an urgent byte left in", &Config{UrgentInline: true}, func(b *bench) {
		b.open(100, 500)
		p := seg(client, decode.URG, 101, 501, "ab!c")
		p.Urgent = 3
		b.packet(p)
	}, "client ab!c|closed eof"},
	{"a forged reset in the window", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, decode.RST, 110, 0, ""))
		b.packet(seg(server, 0, 501, 102, "")) // the challenge ACK
		b.packet(seg(client, 0, 102, 501, "b"))
		b.packet(seg(client, 0, 103, 501, "cdefghij"))
	}, "client abcdefghij|closed eof"},
	{"a reset whose data was lost", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, decode.RST, 110, 0, ""))
		b.packet(seg(server, 0, 501, 102, "x"))
	}, "client a|server x|closed rst"},
	{"a reset whose data was lost, the answer to the question follows", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, decode.RST, 110, 0, ""))
		b.packet(seg(server, 0, 501, 102, "x"))
		b.packet(seg(client, decode.RST, 102, 0, ""))
		b.packet(seg(server, 0, 502, 102, "y"))
	}, "client a|server x|closed rst"},
	{"a reset captured before the data", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 103, 501, "c"))
		b.packet(seg(client, decode.RST, 104, 0, ""))
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(server, 0, 502, 104, "y"))
		b.packet(seg(server, 0, 501, 104, "x"))
		b.packet(seg(client, 0, 102, 501, "b"))
		b.packet(seg(client, 0, 104, 501, "d"))
	}, "client abc|server xy|closed rst"},
	{"a reset behind a hole", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 103, 501, "c"))
		b.packet(seg(client, decode.RST, 104, 0, ""))
	}, "gap client 2|client c|closed rst"},
	{"windows are scaled if both sides say so", nil, func(b *bench) { scaled(b, true) }, "gap client 300000|client x|closed eof"},
	{"windows are not scaled if one side does not", nil, func(b *bench) { scaled(b, false) }, "client ab|closed eof"},
	{"a stranger's segment, then a connection whose handshake was not seen", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, 0, 102+1<<31, 501, "forged"))
		b.packet(seg(client, 0, 102, 501, "b"))
		b.packet(seg(client, 0, 1<<31, 7001, "cd"))
		b.packet(seg(client, 0, 1<<31+2, 7001, "ef"))
		b.packet(seg(server, 0, 7001, 1<<31+4, "x"))
	}, "client ab|closed reused || client ef|server x|closed eof"},
	{"more is lost than the window is large", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(server, 0, 501, 102, ""))
		b.packet(seg(client, 0, 10<<20, 501, "b"))
		b.packet(seg(client, 0, 10<<20+1, 501, "c"))
		b.packet(seg(server, 0, 501, 10<<20+2, "x"))
		b.packet(seg(client, 0, 10<<20+2, 502, "d"))
	}, "client a|gap client 10485659|client c|server x|client d|closed eof"},
	{"both sides close at once", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, decode.FIN, 101, 501, "a"))
		b.packet(seg(server, decode.FIN, 501, 101, "x"))
		b.packet(seg(client, 0, 103, 503, ""))
		b.packet(seg(server, 0, 503, 103, ""))
	}, "client a|server x|closed fin"},
	{"data behind a FIN", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 104, 501, "later"))
		b.packet(seg(client, decode.FIN, 102, 501, "b"))
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, 0, 101, 501, "abcd"))
		b.packet(seg(server, decode.FIN, 501, 104, "x"))
	}, "client ab|server x|closed fin"},
	{"the end of one direction was lost", &Config{AckedHolePackets: 2}, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(server, 0, 501, 105, "x"))
		b.packet(seg(server, 0, 502, 106, "y"))
		b.packet(seg(client, decode.FIN, 108, 503, "h"))
		b.packet(seg(server, decode.FIN, 503, 110, ""))
		b.packet(seg(client, 0, 110, 504, ""))
	}, "client a|gap client 4|server xy|gap client 2|client h|closed fin"},
	{"only one direction is captured", nil, func(b *bench) {
		b.packet(seg(client, decode.SYN, 100, 0, ""))
		b.packet(seg(client, 0, 101, 501, ""))
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, 0, 102, 601, "b"))
		b.now = b.now.Add(2 * time.Second)
		b.packet(seg(client, 0, 103, 702, "c")) // no answer is waited for any more
		b.packet(seg(client, decode.FIN, 104, 703, "d"))
	}, "client a|gap server 100|client bcd|gap server 102|closed eof"},
	{"zero window and its probes", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		p := seg(server, 0, 501, 102, "")
		p.Window = 0
		b.packet(p)
		b.packet(seg(client, 0, 102, 501, "b")) // the probe's byte, not taken
		b.packet(p)
		b.packet(seg(client, 0, 102, 501, "b"))
		b.packet(seg(server, 0, 501, 103, ""))
		b.packet(seg(client, 0, 103, 501, "c"))
	}, "client abc|closed eof"},
	{"SYN with data on old ports while the old connection lives", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.packet(seg(client, decode.SYN, 9100, 0, ""))
		b.packet(seg(client, 0, 9101, 9501, "b")) // the answer was not captured
	}, "client a|closed reused || client b|closed eof"},
	{"a SYN-ACK before its SYN", nil, func(b *bench) {
		b.packet(seg(server, decode.SYN, 500, 101, ""))
		b.packet(seg(client, decode.SYN, 100, 0, ""))
		b.packet(seg(client, 0, 101, 501, "a"))
	}, "client a|closed eof"},
	{"a refused connection", nil, func(b *bench) {
		b.packet(seg(client, decode.SYN, 100, 0, ""))
		b.packet(seg(server, decode.RST, 0, 101, ""))
		b.packet(seg(client, decode.SYN, 300, 0, ""))
		b.packet(seg(server, decode.SYN, 500, 301, ""))
		b.packet(seg(client, 0, 301, 501, "a"))
	}, "client a|closed eof"},
	{"a flow without end, then silence", nil, func(b *bench) {
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "a"))
		b.now = b.now.Add(4 * time.Hour)
		b.packet(seg(server, 0, 501, 102, "x"))
	}, "client a|closed idle || server x|closed eof"},
}

// scaled sends data 300,000 bytes ahead into a window of 1,000, times 256 if both
// sides scale.
func scaled(b *bench, both bool) {
	p := seg(client, decode.SYN, 100, 0, "")
	p.Options = packetgen.Options(packetgen.MSS(1460), packetgen.NOP(), packetgen.WindowScale(7))
	b.packet(p)
	p = seg(server, decode.SYN, 500, 101, "")
	if both {
		p.Options = packetgen.WindowScale(8)
	}
	b.packet(p)
	b.packet(seg(client, 0, 101, 501, ""))
	p = seg(server, 0, 501, 101, "")
	p.Window = 1000
	b.packet(p)
	b.packet(seg(client, 0, 101+300_000, 501, "x"))
	if !both {
		b.packet(seg(client, 0, 101, 501, "ab"))
	}
}

func TestScenes(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			b := newBench(t, s.cfg)
			s.play(b)
			if got := b.close(); got != s.want {
				t.Errorf("told\n\t%s\nwant\n\t%s", got, s.want)
			}
		})
	}
}

// TestShuffled cuts two streams at random, repeats and shuffles the segments of
// both directions against each other, and expects the streams whole.
func TestShuffled(t *testing.T) {
	for seed := range testkit.Rounds[uint64](2000, 200, 100_000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var streams [2][]byte
		isn := [2]uint32{rng.Uint32(), rng.Uint32()}
		if seed%2 == 0 {
			isn[0] = -uint32(rng.IntN(200))
		}
		var packets []*decode.Packet
		for dir := range streams {
			n := rng.IntN(200) + 1
			for range n {
				streams[dir] = append(streams[dir], byte(rng.Uint32()))
			}
			for from := 0; from < n; {
				to := min(n, from+1+rng.IntN(20))
				p := seg(Direction(dir), 0, isn[dir]+1+uint32(from), 0, string(streams[dir][from:to]))
				p.Flags |= decode.ACK
				p.Ack = isn[dir^1] + 1 + uint32(rng.IntN(100))
				packets = append(packets, p)
				if rng.IntN(4) == 0 {
					packets = append(packets, p)
				}
				if from = to; rng.IntN(4) == 0 {
					from -= rng.IntN(to)
				}
			}
		}
		rng.Shuffle(len(packets), func(i, j int) { packets[i], packets[j] = packets[j], packets[i] })
		for dir := range streams {
			for _, p := range packets {
				if over := p.Ack - isn[dir] - 1 - uint32(len(streams[dir])); p.Src() == seg(Direction(dir).Reverse(), 0, 0, 0, "").Src() && int32(over) > 0 {
					p.Ack -= over
				}
			}
		}
		b := newBench(t, &Config{AckedHolePackets: 1 << 20, AckedHoleTimeout: time.Hour})
		b.open(isn[0], isn[1])
		for _, p := range packets {
			b.packet(p)
		}
		b.close()
		if len(b.flows) != 1 {
			t.Fatalf("seed %d: %d flows", seed, len(b.flows))
		}
		for dir, want := range streams {
			if got := b.flows[0].streams[dir]; !bytes.Equal(got, want) {
				t.Fatalf("seed %d, %v: got %q\nwant %q", seed, Direction(dir), got, want)
			}
		}
	}
}

// TestClientGuess picks connections up mid-stream.
func TestClientGuess(t *testing.T) {
	type packet struct {
		src, dst string
		flags    decode.TCPFlags
		data     string
	}
	const high1, high2, low, other = "192.0.2.1:40000", "192.0.2.2:41000", "192.0.2.3:7272", "192.0.2.4:8000"
	for _, c := range []struct {
		name    string
		packets []packet
		client  string // of the last packet's flow
	}{
		{"the smaller port serves", []packet{{low, high1, 0, "x"}}, high1},
		{"the smaller port serves, whoever speaks", []packet{{high1, low, 0, "x"}}, high1},
		{"a request speaks for itself", []packet{{low, high1, 0, "GET / HTTP/1.1"}}, low},
		{"a response too", []packet{{high1, low, 0, "HTTP/1.1 101"}}, low},
		{"a server known from a handshake", []packet{
			{"192.0.2.9:50000", high2, decode.SYN, ""}, {high2, "192.0.2.9:50000", decode.SYN | decode.ACK, ""},
			{high2, high1, 0, "x"}}, high1},
		{"others talk to it as well", []packet{{"192.0.2.9:39999", high2, 0, "x"}, {high2, high1, 0, "x"}}, high1},
		{"a user port against a client's", []packet{{other, high2, 0, "x"}}, high2},
		{"a SYN-ACK", []packet{{high1, low, decode.SYN | decode.ACK, ""}, {low, high1, 0, "x"}}, low},
	} {
		b := newBench(t, nil)
		var last *recorder
		for i, p := range c.packets {
			s := seg(client, p.flags, 100*uint32(i+1), 0, p.data)
			between(s, netip.MustParseAddrPort(p.src), netip.MustParseAddrPort(p.dst))
			if p.flags&decode.ACK != 0 {
				s.Ack = 100*uint32(i) + 1
			}
			if i > 0 && p.flags == 0 && c.packets[i-1].flags != 0 && c.packets[i-1].dst == p.src {
				s.Seq = 1 // what the SYN-ACK has acknowledged
			}
			n := len(b.flows)
			b.packet(s)
			if len(b.flows) > n {
				last = b.flows[n]
			}
		}
		if last == nil || last.flow.Client().String() != c.client {
			t.Errorf("%s: %v", c.name, last)
		}
		b.close()
	}
}

// TestIgnore: a flow that nobody wants is told no more, not even its end, and a
// new connection on its ports is a new flow.
func TestIgnore(t *testing.T) {
	for _, at := range []string{"accept", "data", "later", "nil"} {
		b := newBench(t, nil)
		accept := b.a.accept
		b.a.accept = func(f *Flow) Consumer {
			c := accept(f)
			switch {
			case len(b.flows) > 1:
			case at == "nil":
				return nil
			case at == "accept":
				f.Ignore()
			case at == "data":
				return &ignorer{c.(*recorder)}
			}
			return c
		}
		b.open(100, 500)
		b.packet(seg(client, 0, 101, 501, "ab"))
		if at == "later" {
			b.packet(seg(server, 0, 502, 103, "hole"))
			b.flows[0].flow.Ignore()
		}
		b.packet(seg(client, 0, 105, 501, "ef"))
		b.packet(seg(client, 0, 103, 501, "cd"))
		b.packet(seg(server, 0, 501, 107, "x"))
		if s := b.a.Stats(); s.Memory != 0 || s.Queued != 0 || s.Active != 1 {
			t.Errorf("%s: %+v", at, s)
		}
		b.open(7100, 7500)
		b.packet(seg(client, 0, 7101, 7501, "new"))
		got := b.close()
		want := " || client new|closed eof"
		if at == "data" || at == "later" {
			want = "client ab" + want
		}
		if got != want {
			t.Errorf("%s: told %q, want %q", at, got, want)
		}
	}
}

// An ignorer wants no more after the first bytes.
type ignorer struct{ *recorder }

func (i *ignorer) Data(dir Direction, b []byte, t time.Time) {
	i.recorder.Data(dir, b, t)
	i.flow.Ignore()
}
