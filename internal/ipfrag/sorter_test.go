package ipfrag

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
	"github.com/wstap/wstap/internal/packetgen"
)

// segment returns the fragments of a TCP segment of its own connection.
func segment(t testing.TB, i int) (fragments []*decode.Packet, hash uint32) {
	t.Helper()
	c := packetgen.NewConversation()
	c.Client = netip.AddrPortFrom(c.Client.Addr(), uint16(1000+i))
	c.Send(packetgen.Client, make([]byte, 300))
	s := c.Packets[0].TCP
	hash = flowhash.Packet(decoded(t, s.Frame()))
	s.IP.ID, s.IP.DF = uint32(i), false
	for _, frame := range s.Fragments(104) {
		fragments = append(fragments, decoded(t, frame))
	}
	return fragments, hash
}

// In whatever order fragments come, each goes once, and with its connection.
func TestSorter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	type piece struct {
		p    *decode.Packet
		conn int
	}
	var all []piece
	hashes := map[int]uint32{}
	for i := range 300 {
		fragments, hash := segment(t, i)
		hashes[i] = hash
		for _, p := range fragments {
			all = append(all, piece{p, i})
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	went := map[*decode.Packet]bool{}
	check := func(f piece, hash uint32) {
		if went[f.p] || hash != hashes[f.conn] {
			t.Fatalf("connection %d: again: %v; hash %x, want %x", f.conn, went[f.p], hash, hashes[f.conn])
		}
		went[f.p] = true
	}
	s := Sorter[piece]{Release: check}
	now := time.Unix(1e9, 0)
	for _, f := range all {
		if hash, known := s.Sort(f.p, now); known {
			check(f, hash)
		} else {
			s.Hold(f, len(f.p.Payload))
		}
		now = now.Add(time.Millisecond)
	}
	if len(went) != len(all) || s.Holds() {
		t.Errorf("%d fragments of %d went; holds %v", len(went), len(all), s.Holds())
	}
}

// Fragments without a first one go by their hosts: after a time, or when they are too
// many datagrams or bytes, or at the end.
func TestSorterBounds(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, test := range []struct {
		name        string
		count, size int
		step        time.Duration
		held        int // at most
	}{
		{"time", 50, 100, time.Second, 31},
		{"clock set back", 50, 100, -time.Second, 31},
		{"datagrams", 3 * maxDatagrams, 10, 0, maxDatagrams},
		{"bytes", 100, maxMemory / 10, 0, 10},
		{"one too large", 3, maxMemory, 0, 0},
	} {
		released := 0
		var hosts uint32
		s := Sorter[int]{Release: func(_ int, hash uint32) {
			if released++; hash != hosts {
				t.Errorf("%s: hash %x, not that of the hosts", test.name, hash)
			}
		}}
		now := now
		p := decode.Packet{IPVersion: 4, Data: make([]byte, 20), Fragment: true, Proto: decode.ProtoTCP, FragmentOffset: 8}
		copy(p.Data[12:], "\x0a\x00\x00\x01\x0a\x00\x00\x02")
		hosts = flowhash.Packet(&p)
		for i := range test.count {
			p.FragmentID = uint32(i)
			if _, known := s.Sort(&p, now); known {
				t.Fatal("without a first fragment")
			}
			s.Hold(i, test.size)
			if held := i + 1 - released; held > test.held {
				t.Fatalf("%s: %d are held", test.name, held)
			}
			now = now.Add(test.step)
		}
		s.Flush()
		if released != test.count || s.Holds() || s.table.Len() != 0 || s.table.Memory() != 0 {
			t.Errorf("%s: %d of %d released; %d datagrams and %d bytes left", test.name, released, test.count, s.table.Len(), s.table.Memory())
		}
	}
}

// A datagram of the same number after a long time is another one, also where the clock
// was set back.
func TestSorterAgain(t *testing.T) {
	fragments, _ := segment(t, 1)
	other, hash := segment(t, 2)
	s := Sorter[int]{Release: func(int, uint32) {}}
	start := time.Unix(1e9, 0)
	s.Sort(fragments[0], start)
	s.Sort(other[0], start.Add(time.Second))
	if _, known := s.Sort(fragments[1], start.Add(timeout)); !known {
		t.Error("forgotten too early")
	}
	if _, known := s.Sort(fragments[1], start.Add(timeout+1)); known {
		t.Error("still known after the timeout")
	}
	if got, known := s.Sort(other[1], start); !known || got != hash {
		t.Error("the other one is forgotten")
	}
	if _, known := s.Sort(other[1], start.Add(-timeout)); known {
		t.Error("still known when the clock was set back")
	}
}
