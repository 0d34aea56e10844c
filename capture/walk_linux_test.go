package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/internal/tpacket"
	"github.com/wstap/wstap/decode"
)

// Kernels tell differently what a cooked socket sees of stacked tags; the
// frames are the same.
func TestCook(t *testing.T) {
	ip := []byte{0x45, 0, 0, 20, 0, 1, 0, 0, 64, 6, 0x3a, 0xe1, 10, 0, 0, 1, 10, 0, 0, 2}
	sum := 0
	for i := 0; i < len(ip); i += 2 {
		if i != 10 {
			sum += int(binary.BigEndian.Uint16(ip[i:]))
		}
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	tagged := append([]byte{0, 7, 8, 0}, ip...)
	const valid = unix.TP_STATUS_VLAN_VALID
	for _, tt := range []struct {
		name   string
		told   uint16
		status uint32
		data   []byte
		want   []uint16 // the types that begin and follow the header
	}{
		{"no tag", 0x0800, 0, ip, []uint16{0x0800}},
		{"one", 0x0800, valid, ip, []uint16{0x8100, 0x0800}},
		{"two, told what is behind", 0x0800, valid, tagged, []uint16{0x8100, 0x8100}},
		{"two, told what comes next", 0x8100, valid, tagged, []uint16{0x8100, 0x8100}},
		{"one inside, going out, lost", 0x8100, 0, ip, []uint16{0x0800}},
		{"one inside, there", 0x8100, 0, tagged, []uint16{0x8100}},
		{"not IP", 0x0806, valid, []byte{0, 1, 8, 0, 6, 4, 0, 1}, []uint16{0x8100, 0x0806}},
		{"nothing", 0x0800, valid, nil, []uint16{0x8100, 0x0800}},
	} {
		var h tpacket.Header
		binary.NativeEndian.PutUint32(h[hdrStatus:], tt.status)
		binary.BigEndian.PutUint16(h[addrProto:], tt.told)
		head := make([]byte, 64)
		b := head[len(head)-cook(&h, head, tt.data):]
		got := []uint16{binary.BigEndian.Uint16(b)}
		if len(b) > sll2Len {
			got = append(got, binary.BigEndian.Uint16(b[sll2Len+2:]))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %04x, want %04x", tt.name, got, tt.want)
		}
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	for _, link := range []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2} {
		s, kernel := fakeRing(t, link, 2, 100, unix.TP_STATUS_USER|unix.TP_STATUS_VLAN_VALID)
		s.frags = newFragments(s, []*shard{s, s})
		fs := make([]Frame, 3)
		allocs := testing.AllocsPerRun(5000, func() {
			if s.block.Left() == 0 {
				kernel.ready()
			}
			if _, err := s.Read(fs); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations a Read", link, allocs)
		}
	}
}

// What Read gives out is the same for any sizes of batches: frames of the ring
// that pass the filter, and those of other rings between blocks.
func TestReadSizes(t *testing.T) {
	refuse, err := filter.Compile("greater 1", filter.Target{Link: decode.LinkEthernet})
	if err != nil {
		t.Fatal(err)
	}
	open := func() *shard {
		s, kernel := fakeRing(t, decode.LinkEthernet, 3, 100, unix.TP_STATUS_USER|unix.TP_STATUS_VLAN_VALID)
		number := uint32(0)
		for i := range kernel {
			kernel.frames(i, func(h []byte) {
				if number++; number%5 == 0 {
					binary.NativeEndian.PutUint32(h[hdrLen:], 0) // which the filter refuses
				}
				binary.NativeEndian.PutUint32(h[int(binary.NativeEndian.Uint16(h[hdrMac:]))+20:], number)
			})
		}
		s.refilter.Store(refuse)
		s.old = 2 // of three blocks
		s.inbox = []Frame{{Data: []byte("from another ring")}, {Data: []byte("and another")}}
		s.stopped = time.Now().Add(-time.Hour) // io.EOF where blocks are done
		return s
	}
	type frame struct {
		data   string
		length int
	}
	var want []frame
	one := open()
	for {
		var f Frame
		if err := read1(one, &f); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		want = append(want, frame{string(f.Data), f.Length})
	}
	if n := uint64(len(want)); n < 1000 || one.skipped.Load() < 100 || one.captured.Load() != n {
		t.Fatalf("%d frames: captured %d, skipped %d", n, one.captured.Load(), one.skipped.Load())
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for most := 1; most < 10_000; most *= 3 {
		s := open()
		var got []frame
		for {
			fs := make([]Frame, 1+rnd.IntN(most))
			n, err := s.Read(fs)
			if err == io.EOF {
				break
			}
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			for _, f := range fs[:n] {
				got = append(got, frame{string(f.Data), f.Length})
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("batches of up to %d: %d frames, want %d, or others", most, len(got), len(want))
		}
		if s.captured.Load() != one.captured.Load() || s.skipped.Load() != one.skipped.Load() {
			t.Errorf("captured %d, skipped %d; want %d and %d", s.captured.Load(), s.skipped.Load(), one.captured.Load(), one.skipped.Load())
		}
		if n, err := s.Read(nil); n != 0 || err != nil {
			t.Errorf("no room: %d, %v", n, err)
		}
	}
}

// A batch that Close comes before is none.
func TestReadClosed(t *testing.T) {
	s, _ := fakeRing(t, decode.LinkEthernet, 2, 100, unix.TP_STATUS_USER)
	fs := make([]Frame, 7)
	if n, err := s.Read(fs); n != len(fs) || err != nil {
		t.Fatal(n, err)
	}
	want := bytes.Clone(fs[6].Data)
	if err := s.ring.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fs[6].Data, want) {
		t.Error("what was borrowed is another after Close")
	}
	if n, err := s.Read(fs); n != 0 || err != errClosed {
		t.Errorf("%d, %v after Close", n, err)
	}
	if s.captured.Load() != uint64(len(fs)) {
		t.Errorf("captured %d", s.captured.Load())
	}
}

// BenchmarkRead is by batches of 32, a frame.
func BenchmarkRead(b *testing.B) {
	for _, bm := range []struct {
		name   string
		link   decode.LinkType
		status uint32
	}{
		{"ethernet", decode.LinkEthernet, unix.TP_STATUS_USER},
		{"any", decode.LinkSLL2, unix.TP_STATUS_USER},
		{"vlan", decode.LinkEthernet, unix.TP_STATUS_USER | unix.TP_STATUS_VLAN_VALID},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s, kernel := fakeRing(b, bm.link, 8, 100, bm.status)
			fs := make([]Frame, 32)
			b.ReportAllocs()
			for i := 0; i < b.N; {
				if s.block.Left() == 0 {
					kernel.ready()
				}
				n, err := s.Read(fs)
				if err != nil {
					b.Fatal(err)
				}
				i += n
			}
		})
	}
}
