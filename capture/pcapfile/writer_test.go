package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"testing/synctest"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

func TestWritePcap(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	big := bytes.Repeat([]byte("y"), 3*flushSize)
	for _, c := range []struct {
		cfg *WriterConfig
		ns  int64
	}{{nil, 123456789}, {&WriterConfig{Microseconds: true, SnapLen: 96}, 123456000}} {
		name := filepath.Join(t.TempDir(), "out.pcap")
		w, err := Create(name, decode.LinkSLL2, c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		want := []record{
			{"hello", 5, at.Unix()*1e9 + c.ns, decode.LinkSLL2, 0, 0},
			{string(big), len(big) + 9, at.Unix()*1e9 + c.ns, decode.LinkSLL2, 0, 0},
			{"", 0, at.Unix()*1e9 + c.ns, decode.LinkSLL2, 0, 0},
		}
		for _, r := range want {
			if err := w.WriteFrame(&capture.Frame{Data: []byte(r.data), Length: r.length, Time: at, Link: r.link}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteFrame(&capture.Frame{Link: decode.LinkEthernet}); err == nil {
			t.Error("a frame of another type is written")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Error("second Close:", err)
		}
		if err := w.WriteFrame(&capture.Frame{Link: decode.LinkSLL2}); !errors.Is(err, os.ErrClosed) {
			t.Error("write after Close:", err)
		}
		r, err := Open(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, err := drain(r)
		if err != io.EOF {
			t.Fatal(err)
		}
		compare(t, got, want)
	}
}

// Every Write of the underlying writer ends at a record's end.
func TestWriteWholeRecords(t *testing.T) {
	var out pieces
	w, err := NewWriter(&out, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := w.WriteFrame(&capture.Frame{Data: make([]byte, i), Link: decode.LinkEthernet}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(out.ends) < 5 {
		t.Fatalf("%d writes", len(out.ends))
	}
	for _, n := range out.ends {
		if _, err := readAll(t, bytes.NewReader(out.Bytes()[:n])); err != nil {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

type pieces struct {
	bytes.Buffer
	ends []int
}

func (r *pieces) Write(b []byte) (int, error) {
	n, err := r.Buffer.Write(b)
	r.ends = append(r.ends, r.Len())
	return n, err
}

// full takes a number of bytes, as a full disk does.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	n := min(f.room, len(b))
	f.room -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

var errFull = errors.New("no space left on device")

func TestWriteError(t *testing.T) {
	if _, err := NewWriter(&full{10}, decode.LinkEthernet, nil); !errors.Is(err, errFull) {
		t.Errorf("header: %v", err)
	}
	w, err := NewWriter(&full{30}, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteFrame(&capture.Frame{Data: []byte("hello"), Link: decode.LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Flush(); !errors.Is(err, errFull) || w.Frames() != 0 {
			t.Errorf("Flush: %v, %d frames", err, w.Frames())
		}
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v", err)
	}
}

func TestWriteAllocations(t *testing.T) {
	w, err := NewWriter(io.Discard, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := capture.Frame{Data: make([]byte, 100), Link: decode.LinkEthernet, Time: time.Unix(1, 0)}
	write := func() {
		if err := w.WriteFrame(&f); err != nil {
			t.Fatal(err)
		}
	}
	for range 10000 {
		write()
	}
	if n := testing.AllocsPerRun(10000, write); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// roundTrip writes what is read by batches of size.
func roundTrip(t *testing.T, file []byte, size int, cfg *WriterConfig) []byte {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	c := *cfg
	c.Section = r.Section()
	w, err := NewWriter(&out, r.Info().Link, &c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drainBatches(t, Tee(r, w), func() int { return size }); err != io.EOF {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What a pcapng file says is kept by reading and writing it.
func TestTeePcapng(t *testing.T) {
	for _, o := range orders {
		file := everything(o.order, o.order)
		first := roundTrip(t, file, 1, &WriterConfig{Format: Pcapng})
		for _, size := range []int{2, 3, 64} {
			if more := roundTrip(t, file, size, &WriterConfig{Format: Pcapng}); !bytes.Equal(more, first) {
				t.Errorf("batches of %d make another file", size)
			}
		}
		recs, err := readAll(t, bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, recs, everythingFrames())
		a, b := telling(t, file), telling(t, first)
		a.section, b.section = Section{}, Section{} // two sections became one
		for i := range a.interfaces {
			if a.interfaces[i].SnapLen == 0 {
				a.interfaces[i].SnapLen = capture.DefaultSnapLen
			}
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("read  %+v\nwrote %+v", a, b)
		}
		if second := roundTrip(t, first, 1, &WriterConfig{Format: Pcapng}); !bytes.Equal(first, second) {
			t.Error("a second round trip changes the file")
		}
	}
}

// told is all that a file tells but the frames.
type told struct {
	section    Section
	interfaces []Interface
	infos      []FrameInfo
	stats      capture.Stats
}

func telling(t *testing.T, file []byte) (all told) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var f capture.Frame
	for {
		if err = read1(r, &f); err != nil {
			break
		}
		all.infos = append(all.infos, r.FrameInfo(0))
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	all.section, all.interfaces = r.Section(), r.Interfaces()
	all.stats, _ = r.Stats()
	return all
}

func TestWritePcapng(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.pcapng")
	at := time.Unix(1700000000, 123456789)
	w, err := Create(name, decode.LinkSLL2, &WriterConfig{Describe: func(f *capture.Frame) Interface {
		return Interface{Name: fmt.Sprint("if", f.Interface), SnapLen: 100}
	}})
	if err != nil {
		t.Fatal(err)
	}
	frames := []struct {
		capture.Frame
		info *FrameInfo
	}{
		{capture.Frame{Data: []byte("a"), Interface: 5, Link: 1, Time: at, Direction: capture.Outgoing}, nil},
		{capture.Frame{Data: []byte("ab"), Interface: 5, Link: 276, Time: at, Direction: capture.Passing}, nil},
		{capture.Frame{Data: []byte("abc"), Interface: 3, Link: 1, Time: time.Time{}, Length: 9}, &FrameInfo{Comments: []string{"c", "dd"}, Dropped: 7}},
		{capture.Frame{Data: []byte("abcd"), Interface: 5, Link: 1, Time: at}, &FrameInfo{Flags: 2 | 1<<31}},
	}
	for i := range frames {
		if err := w.WriteFrameInfo(&frames[i].Frame, frames[i].info); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteFrameInfo(&frames[0].Frame, &FrameInfo{Comments: []string{strings.Repeat("x", 65536)}}); err == nil {
		t.Error("a comment of 65536 bytes is written")
	}
	if err := w.WriteStatistics(3, 1, capture.Stats{Captured: 10, Received: 17, Dropped: 8}, at); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteStatistics(4, 1, capture.Stats{}, at); err == nil {
		t.Error("statistics of an unknown interface are written")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	recs, err := readAll(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, recs, []record{
		{"a", 1, at.UnixNano(), 1, 0, capture.Outgoing},
		{"ab", 2, at.UnixNano(), 276, 1, capture.Passing},
		{"abc", 9, 0, 1, 2, 0},
		{"abcd", 4, at.UnixNano(), 1, 0, capture.Outgoing},
	})
	got := telling(t, file)
	want := told{
		section:    Section{Application: "wstap"},
		interfaces: []Interface{{Link: 1, SnapLen: 100, Name: "if5"}, {Link: 276, SnapLen: 100, Name: "if5"}, {Link: 1, SnapLen: 100, Name: "if3", Received: 17, Dropped: 8}},
		infos:      []FrameInfo{{Flags: 2}, {Flags: 1 | 4<<2}, {Comments: []string{"c", "dd"}, Dropped: 7}, {Flags: 2 | 1<<31}},
		stats:      capture.Stats{Captured: 4, Received: 12, Dropped: 8, FirstDrop: at.UTC()},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// live is a live Source that drops frames.
type live struct {
	frames []capture.Frame
	drops  []uint64 // total with each frame
	i      int
}

func (l *live) Read(fs []capture.Frame) (int, error) {
	n := copy(fs, l.frames[l.i:])
	if n == 0 {
		return 0, io.EOF
	}
	l.i += n
	return n, nil
}

func (l *live) Info() capture.Info {
	return capture.Info{Name: "live", Link: decode.LinkEthernet, Live: true,
		InterfaceName: func(i int) string { return fmt.Sprint("eth", i) }}
}

func (l *live) Stop() error  { return nil }
func (l *live) Close() error { return nil }

func (l *live) Stats() (capture.Stats, error) {
	return capture.Stats{Captured: uint64(l.i), Received: uint64(l.i) + l.drops[l.i-1], Dropped: l.drops[l.i-1]}, nil
}

// The drops of a live source are in the file once, whatever interfaces its
// frames come from.
func TestTeeLive(t *testing.T) {
	for _, several := range []int{0, 1} {
		src := &live{}
		for i := range 50 {
			src.frames = append(src.frames, capture.Frame{Data: []byte("x"), Link: 1, Interface: 1 + i%3*several, Time: time.Unix(1+int64(i/10), 0)})
			src.drops = append(src.drops, uint64(i*i))
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, decode.LinkEthernet, &WriterConfig{Format: Pcapng})
		if err != nil {
			t.Fatal(err)
		}
		if recs, err := drain(Tee(src, w)); len(recs) != 50 || err != io.EOF {
			t.Fatalf("%d frames, %v", len(recs), err)
		}
		want := capture.Stats{Captured: 50, Received: 50 + 49*49, Dropped: 49 * 49, FirstDrop: time.Unix(1, 0).UTC()}
		if got := telling(t, out.Bytes()).stats; got != want {
			t.Errorf("several %d: %+v", several, got)
		}
		for i, ifi := range telling(t, out.Bytes()).interfaces {
			if want := fmt.Sprint("eth", src.frames[i].Interface); ifi.Name != want {
				t.Errorf("interface %d: %q, want %q", i, ifi.Name, want)
			}
		}
	}
}

// Each number has one meaning: a negative one is an error, and empties no file.
func TestConfigNegative(t *testing.T) {
	name := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(name, pcapBytes(binary.LittleEndian, magicMicro, 1), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []WriterConfig{{SnapLen: -1}, {FlushInterval: -1}, {Format: 9}} {
		if _, err := Create(name, decode.LinkEthernet, &c); err == nil || !strings.HasPrefix(err.Error(), "pcapfile: ") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, workers := range []int{-1, 257} {
		if _, err := Open(name, &Config{Workers: workers}); err == nil || !strings.HasPrefix(err.Error(), "pcapfile: ") {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Size() != pcapFileHeader {
		t.Errorf("%v, %v", info, err)
	}
}

// A frame leaves the buffer after a while without another call.
func TestFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out pieces
		w, err := NewWriter(&out, decode.LinkEthernet, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			for range 2 {
				if err := w.WriteFrame(&capture.Frame{Data: []byte("hello"), Link: decode.LinkEthernet}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(1500 * time.Millisecond)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if want := []int{24, 66, 108, 150}; !slices.Equal(out.ends, want) {
			t.Errorf("flushed at %v, want %v", out.ends, want)
		}
	})
}

// Property: every list of frames comes back as it was written, in either format.
func TestQuick(t *testing.T) {
	type in struct {
		Data   []byte
		More   uint16
		Sec    uint32
		Nsec   uint32
		Ifi    uint8
		Sll    bool
		Dir    uint8
		Drops  uint16
		Remark string
	}
	for _, format := range []Format{Pcap, Pcapng} {
		check := func(list []in) bool {
			var out bytes.Buffer
			w, err := NewWriter(&out, decode.LinkEthernet, &WriterConfig{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			var want []record
			ids := map[ngKey]int{}
			for _, x := range list {
				f := capture.Frame{Data: x.Data, Length: len(x.Data) + int(x.More), Link: decode.LinkEthernet,
					Time: time.Unix(int64(x.Sec), int64(x.Nsec%1e9)), Interface: int(x.Ifi), Direction: capture.Direction(x.Dir % 4)}
				if x.Sll && format == Pcapng {
					f.Link = decode.LinkSLL
				}
				rec := own(&f)
				if format == Pcap {
					rec.ifi, rec.dir = 0, 0
				} else {
					k := ngKey{f.Interface, f.Link}
					if _, ok := ids[k]; !ok {
						ids[k] = len(ids)
					}
					rec.ifi = ids[k]
				}
				want = append(want, rec)
				if err := w.WriteFrameInfo(&f, &FrameInfo{Dropped: uint64(x.Drops), Comments: []string{x.Remark}}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t, &out)
			return err == nil && slices.Equal(got, want)
		}
		if err := quick.Check(check, nil); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkWriteFrame(b *testing.B) {
	for _, c := range []struct {
		name   string
		format Format
	}{{"pcap", Pcap}, {"pcapng", Pcapng}} {
		b.Run(c.name, func(b *testing.B) {
			w, err := NewWriter(io.Discard, decode.LinkEthernet, &WriterConfig{Format: c.format})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			f := capture.Frame{Data: make([]byte, 100), Link: decode.LinkEthernet, Time: time.Unix(1, 0)}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.WriteFrame(&f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
