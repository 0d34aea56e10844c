package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// ngFile makes pcapng files by hand.
type ngFile struct {
	order
	b []byte
}

type option struct {
	code uint16
	v    string
}

func (n *ngFile) block(typ uint32, body []byte, opts ...option) *ngFile {
	for _, o := range opts {
		body = n.AppendUint16(body, o.code)
		body = n.AppendUint16(body, uint16(len(o.v)))
		body = append(body, o.v...)
		body = append(body, make([]byte, -len(o.v)&3)...)
	}
	if len(opts) > 0 {
		body = n.AppendUint32(body, optEnd)
	}
	length := uint32(len(body) + 12)
	n.b = n.AppendUint32(n.b, typ)
	n.b = n.AppendUint32(n.b, length)
	n.b = append(n.b, body...)
	n.b = n.AppendUint32(n.b, length)
	return n
}

func (n *ngFile) u16(v uint16) string { return string(n.AppendUint16(nil, v)) }
func (n *ngFile) u32(v uint32) string { return string(n.AppendUint32(nil, v)) }
func (n *ngFile) u64(v uint64) string { return string(n.AppendUint64(nil, v)) }

func (n *ngFile) section(o order, opts ...option) *ngFile {
	n.order = o
	return n.block(blockSection, []byte(n.u32(byteOrderMagic)+n.u16(1)+n.u16(0)+n.u64(1<<64-1)), opts...)
}

func (n *ngFile) ifi(link uint16, snaplen uint32, opts ...option) *ngFile {
	return n.block(blockInterface, []byte(n.u16(link)+n.u16(0)+n.u32(snaplen)), opts...)
}

func (n *ngFile) stamp(t uint64) string { return n.u32(uint32(t>>32)) + n.u32(uint32(t)) }

func padded(data string) string { return data + strings.Repeat("\x00", -len(data)&3) }

func (n *ngFile) packet(ifi uint32, t uint64, data string, length uint32, opts ...option) *ngFile {
	return n.block(blockPacket, []byte(n.u32(ifi)+n.stamp(t)+n.u32(uint32(len(data)))+n.u32(length)+padded(data)), opts...)
}

func (n *ngFile) old(ifi, drops uint16, t uint64, data string, length uint32, opts ...option) *ngFile {
	return n.block(blockOldPacket, []byte(n.u16(ifi)+n.u16(drops)+n.stamp(t)+n.u32(uint32(len(data)))+n.u32(length)+padded(data)), opts...)
}

func (n *ngFile) simple(data string, length uint32) *ngFile {
	return n.block(blockSimple, []byte(n.u32(length)+padded(data)))
}

// everything makes a file with two sections of different byte orders and every
// kind of block.
func everything(first, second order) []byte {
	n := new(ngFile)
	n.section(first, option{optComment, "whole"}, option{optSectionHardware, "a PC"}, option{optSectionOS, "Linux"}, option{optSectionApplication, "by hand"})
	n.ifi(1, 65535, option{optIfName, "eth0"}, option{optIfDescription, "uplink"}, option{optComment, "one"}, option{optComment, "two"},
		option{optIfFilter, "\x00tcp"}, option{optIfHardware, "card"}, option{optIfOS, "Linux 6"}, option{777, "unknown"})
	n.block(4, []byte(n.u16(1)+n.u16(6)+"\x7f\x00\x00\x01a\x00\x00\x00"+n.u32(0))) // name resolution
	n.packet(0, 1700000000123456, "hello", 5)
	n.ifi(276, 0, option{optIfTsResol, "\x09"}, option{optIfTsOffset, n.u64(1000)})
	n.packet(1, 1699999000123456789, "abcd", 1500, option{optComment, "odd one"}, option{optFlags, n.u32(2)}, option{optDropCount, n.u64(3)})
	n.block(0x0bad, []byte(n.u32(32473)+"custom"+"\x00\x00"))
	n.block(0x80000001, nil)
	n.block(0x0a, bytes.Repeat([]byte("secrets."), 2000))
	n.simple("simple!", 7)
	n.old(0, 0xffff, 1700000001000000, "old", 3, option{optFlags, n.u32(1)})
	n.old(1, 4, 1699999001000000000, "old2", 4, option{optFlags, n.u32(1 | 4<<2)})
	n.block(blockStatistics, []byte(n.u32(0)+n.stamp(0)), option{optIfReceived, n.u64(100)}, option{optIfDropped, n.u64(11)}, option{optOSDropped, n.u64(1)})
	n.block(blockStatistics, []byte(n.u32(1)+n.stamp(0)), option{optFilterAccept, n.u64(50)}, option{optOSDropped, n.u64(7)})
	n.section(second)
	n.ifi(12, 4, option{optIfTsResol, "\x94"}) // 2^-20
	n.packet(0, 3<<20|1<<19, "raw", 3)
	n.simple("cut ", 9)
	return n.b
}

func everythingFrames() []record {
	return []record{
		{"hello", 5, 1700000000123456000, 1, 0, 0},
		{"abcd", 1500, 1700000000123456789, 276, 1, capture.Outgoing},
		{"simple!", 7, 1700000000123456789, 1, 0, 0}, // no time: that of the one before
		{"old", 3, 1700000001000000000, 1, 0, capture.Incoming},
		{"old2", 4, 1700000001000000000, 276, 1, capture.Passing},
		{"raw", 3, 3500000000, 101, 2, 0},
		{"cut ", 9, 3500000000, 101, 2, 0},
	}
}

func TestReadPcapng(t *testing.T) {
	for _, first := range orders {
		for _, second := range orders {
			file := everything(first.order, second.order)
			for name, r := range map[string]io.Reader{
				"whole": bytes.NewReader(file),
				"byte":  iotest.OneByteReader(bytes.NewReader(file)),
			} {
				t.Run(first.name+"/"+second.name+"/"+name, func(t *testing.T) {
					got, err := readAll(t, r)
					if err != nil {
						t.Fatal(err)
					}
					compare(t, got, everythingFrames())
				})
			}
		}
	}
}

func TestPcapngMeta(t *testing.T) {
	for _, o := range orders {
		r, err := NewReader(bytes.NewReader(everything(o, o)), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.Info().Link != decode.LinkEthernet {
			t.Errorf("link type %v", r.Info().Link)
		}
		if got, want := r.Section(), (Section{"a PC", "Linux", "by hand", []string{"whole"}}); !reflect.DeepEqual(got, want) {
			t.Errorf("section %+v, want %+v", got, want)
		}
		var infos []FrameInfo
		for fs := make([]capture.Frame, 3); ; {
			n, err := r.Read(fs)
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				infos = append(infos, r.FrameInfo(i))
			}
			if beyond := r.FrameInfo(n); !reflect.DeepEqual(beyond, FrameInfo{}) {
				t.Errorf("beyond the batch: %+v", beyond)
			}
		}
		if want := []FrameInfo{{}, {[]string{"odd one"}, 3, 2}, {}, {Flags: 1}, {Dropped: 4, Flags: 1 | 4<<2}, {}, {}}; !reflect.DeepEqual(infos, want) {
			t.Errorf("infos %+v, want %+v", infos, want)
		}
		want := []Interface{
			{Link: 1, SnapLen: 65535, Name: "eth0", Description: "uplink", Filter: "tcp", Hardware: "card", OS: "Linux 6",
				Comments: []string{"one", "two"}, Received: 100, Dropped: 12},
			{Link: 276, Received: 50, Dropped: 7},
			{Link: 101, SnapLen: 4},
		}
		if got := r.Interfaces(); !reflect.DeepEqual(got, want) {
			t.Errorf("interfaces %+v, want %+v", got, want)
		}
		if st, _ := r.Stats(); st != (capture.Stats{Captured: 7, Received: 26, Dropped: 19, FirstDrop: time.Unix(1700000000, 123456000).UTC()}) {
			t.Errorf("stats %+v", st)
		}
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		resolution uint8
		offset     int64
		stamp      uint64
		want       int64 // nanoseconds
	}{
		{6, 0, 1700000000123456, 1700000000123456000},
		{9, 0, 1700000000123456789, 1700000000123456789},
		{0, 0, 1700000000, 1700000000e9},
		{3, -5, 1700000000123, 1699999995123e6},
		{12, 0, 1700000000123456, 1700000000123},
		{12, 0, 1e12 - 1, 999999999},
		{19, 0, 18446744073709551615, 1844674407},
		{20, 0, 18446744073709551615, 184467440},
		{28, 1, 18446744073709551615, 1e9 + 1},
		{29, 0, 18446744073709551615, 0},
		{127, 7, 18446744073709551615, 7e9},
		{0x80, 0, 1700000000, 1700000000e9},
		{0x80 | 10, 0, 5<<10 | 1, 5e9 + 976562},
		{0x80 | 32, 0, 1700000000<<32 | 1<<31, 17000000005e8},
		{0x80 | 63, 0, 1<<63 | 1<<62, 15e8},
		{0x80 | 64, 0, 1 << 63, 5e8},
		{0x80 | 65, 0, 1 << 63, 25e7},
		{0xff, 3, 1 << 63, 3e9},
	} {
		k := newClock(c.resolution, c.offset)
		if got := time.Unix(k.time(c.stamp)).UnixNano(); got != c.want {
			t.Errorf("resolution %#x, offset %d: time of %d is %d, want %d", c.resolution, c.offset, c.stamp, got, c.want)
		}
	}
}

func TestBadPcapng(t *testing.T) {
	le := binary.LittleEndian
	begin := func() *ngFile { return new(ngFile).section(le).ifi(1, 0).packet(0, 1, "hello", 5) }
	start := len(begin().b) // of the bad block
	lengths := func(total uint32) []byte {
		n := begin().packet(0, 2, "world", 5)
		le.PutUint32(n.b[start+4:], total)
		return n.b
	}
	trailer := func(n *ngFile) []byte { n.b[len(n.b)-4]++; return n.b }
	version := new(ngFile).section(le)
	version.b[12] = 7
	magic := begin().section(le)
	magic.b[start+8] = 0
	for _, c := range []struct {
		name   string
		file   []byte
		frames int
		err    error
		offset int
		say    string
	}{
		{"only a type", begin().b[:4], 0, ErrCut, 4, ""},
		{"section cut", begin().b[:27], 0, ErrCut, 27, "inside the block that begins at byte 0"},
		{"interface cut", begin().b[:30], 0, ErrCut, 30, "inside the block that begins at byte 28"},
		{"packet cut", begin().b[:start-1], 0, ErrCut, start - 1, "inside the block that begins at byte 48"},
		{"head cut", append(begin().b, 6, 0), 1, ErrCut, start + 2, fmt.Sprintf("inside the block that begins at byte %d", start)},
		{"unknown block cut", begin().block(99, make([]byte, 300000)).b[:start+290000], 1, ErrCut, start + 290000, fmt.Sprint("begins at byte ", start)},
		{"unknown block's end cut", begin().block(99, make([]byte, 4)).b[:start+13], 1, ErrCut, start + 13, fmt.Sprint("begins at byte ", start)},
		{"length 0", lengths(0), 1, ErrCorrupt, start, "a block of 0 bytes"},
		{"length 8", lengths(8), 1, ErrCorrupt, start, ""},
		{"length 33", lengths(33), 1, ErrCorrupt, start, ""},
		{"absurd length", lengths(0xfffffff0), 1, ErrCorrupt, start, "4294967280"},
		{"shorter length", lengths(36), 1, ErrCorrupt, start, "whose end says"},
		{"trailer of a packet", trailer(begin().packet(0, 2, "world", 5)), 1, ErrCorrupt, start, "whose end says"},
		{"trailer of an unknown block", trailer(begin().block(99, nil)), 1, ErrCorrupt, start, "whose end says"},
		{"no such interface", begin().packet(1, 2, "world", 5).b, 1, ErrCorrupt, start, "interface 1 of 1"},
		{"no such interface, old", begin().old(9, 0, 2, "world", 5).b, 1, ErrCorrupt, start, "interface 9 of 1"},
		{"interface of another section", begin().section(le).packet(0, 2, "world", 5).b, 1, ErrCorrupt, start + 28, "interface 0 of 0"},
		{"no interface", new(ngFile).section(le).simple("x", 1).b, 0, ErrCorrupt, 28, "interface 0 of 0"},
		{"frame longer than its block", begin().block(blockPacket, []byte("\x00\x00\x00\x00........\x09\x00\x00\x00\x09\x00\x00\x00world\x00\x00\x00")).b, 1, ErrCorrupt, start, "a frame of 9 bytes"},
		{"short packet block", begin().block(blockPacket, make([]byte, 16)).b, 1, ErrCorrupt, start, "a block of type 6 with 28 bytes"},
		{"short interface block", new(ngFile).section(le).block(blockInterface, make([]byte, 4)).b, 0, ErrCorrupt, 28, "a block of type 1"},
		{"short statistics", begin().block(blockStatistics, nil).b, 1, ErrCorrupt, start, "a block of type 5"},
		{"resolution", new(ngFile).section(le).ifi(1, 0, option{optIfTsResol, "99"}).b, 0, ErrCorrupt, 28, "resolution"},
		{"offset", new(ngFile).section(le).ifi(1, 0, option{optIfTsOffset, "99"}).b, 0, ErrCorrupt, 28, "offset"},
		{"version", version.b, 0, ErrFormat, 0, "version 7.0"},
		{"byte-order magic", magic.b, 1, ErrCorrupt, start, "byte-order magic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(c.file), iotest.OneByteReader(bytes.NewReader(c.file))} {
				recs, err := readAll(t, r)
				var e *Error
				if !errors.Is(err, c.err) || !errors.As(err, &e) {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				if len(recs) != c.frames || e.Offset != int64(c.offset) || !strings.Contains(err.Error(), c.say) {
					t.Errorf("%d frames, then %q at %d; want %d frames, %q at %d", len(recs), err, e.Offset, c.frames, c.say, c.offset)
				}
			}
		})
	}
}

// A file without packets, and even one without interfaces, is an empty capture.
func TestEmptyPcapng(t *testing.T) {
	for _, file := range [][]byte{
		new(ngFile).section(binary.BigEndian).b,
		new(ngFile).section(binary.BigEndian).ifi(113, 0).b,
	} {
		if recs, err := readAll(t, bytes.NewReader(file)); len(recs) > 0 || err != nil {
			t.Errorf("%d frames, error %v", len(recs), err)
		}
	}
}

// Interfaces without end, each with a long comment, take bounded memory.
func TestManyInterfaces(t *testing.T) {
	le := binary.LittleEndian
	head := new(ngFile).section(le).ifi(1, 0).packet(0, 0, "x", 1).b
	comment := new(ngFile)
	comment.order = le
	comment.ifi(1, 0, option{optComment, strings.Repeat("c", 6000)})
	r, err := NewReader(io.MultiReader(bytes.NewReader(head), &loop{rest: comment.b, file: append(make([]byte, pcapFileHeader), comment.b...)}), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if recs, err := drain(r); len(recs) != 1 || !errors.Is(err, ErrCorrupt) {
		t.Errorf("%d frames, then %v", len(recs), err)
	}
	text := 0
	for _, ifi := range r.Interfaces() {
		text += len(strings.Join(ifi.Comments, ""))
	}
	if n := len(r.Interfaces()); n != maxInterfaces || text > maxText {
		t.Errorf("%d interfaces, %d bytes of comments", n, text)
	}
}

// Broken options do not lose the packet.
func TestBrokenOptions(t *testing.T) {
	n := new(ngFile).section(binary.LittleEndian).ifi(1, 0)
	n.block(blockPacket, []byte(n.u32(0)+n.stamp(1)+n.u32(4)+n.u32(4)+"data"+n.u16(optFlags)+n.u16(4)+n.u32(2)+n.u16(optComment)+n.u16(999)))
	recs, err := readAll(t, bytes.NewReader(n.b))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, recs, []record{{"data", 4, 1000, 1, 0, capture.Outgoing}})
}

// endlessPcapng is a file without end.
func endlessPcapng(add func(n *ngFile, i uint64)) io.Reader {
	n := new(ngFile).section(binary.LittleEndian).ifi(1, 0)
	head := n.b
	n.b = nil
	for i := range uint64(1000) {
		add(n, i)
	}
	return io.MultiReader(bytes.NewReader(head), &loop{rest: n.b, file: append(make([]byte, pcapFileHeader), n.b...)})
}

func TestReadPcapngAllocations(t *testing.T) {
	r, err := NewReader(endlessPcapng(func(n *ngFile, i uint64) {
		n.packet(0, i, "some data", 9, option{optFlags, n.u32(2)}, option{optDropCount, n.u64(1)}).simple("simple", 6)
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fs := make([]capture.Frame, 3)
	read := func() {
		if _, err := r.Read(fs); err != nil {
			t.Fatal(err)
		}
	}
	for range 100000 {
		read()
	}
	if n := testing.AllocsPerRun(100000, read); n != 0 {
		t.Errorf("%v allocations a Read", n)
	}
}

func BenchmarkReadPcapng(b *testing.B) {
	data := strings.Repeat("x", 100)
	r, err := NewReader(endlessPcapng(func(n *ngFile, i uint64) { n.packet(0, i, data, 100) }), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.SetBytes(132)
	benchmarkRead(b, r)
}

// An interface before every packet costs no copy of all that came before.
func TestTeeManyInterfaces(t *testing.T) {
	const n = 3000
	file := new(ngFile).section(binary.LittleEndian)
	for i := range uint32(n) {
		file.ifi(1, 0).packet(i, 0, "x", 1)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	back := roundTrip(t, file.b, 64, &WriterConfig{Format: Pcapng})
	runtime.ReadMemStats(&after)
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 64 {
		t.Errorf("%d MB allocated for %d kB", mb, len(file.b)>>10)
	}
	if got := len(telling(t, back).interfaces); got != n {
		t.Errorf("%d interfaces", got)
	}
}
