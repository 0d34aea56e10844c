package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// A record is a frame that a test owns.
type record struct {
	data   string
	length int
	time   int64 // nanoseconds
	link   decode.LinkType
	ifi    int
	dir    capture.Direction
}

func own(f *capture.Frame) record {
	return record{string(f.Data), f.Length, f.Time.UnixNano(), f.Link, f.Interface, f.Direction}
}

// read1 reads one frame.
func read1(s capture.Source, f *capture.Frame) error {
	var one [1]capture.Frame
	_, err := s.Read(one[:])
	*f = one[0]
	return err
}

// drain reads all frames and returns them with the error that ended it.
func drain(s capture.Source) ([]record, error) {
	var recs []record
	for {
		var f capture.Frame
		if err := read1(s, &f); err != nil {
			return recs, err
		}
		recs = append(recs, own(&f))
	}
}

func readAll(t *testing.T, r io.Reader) ([]record, error) {
	t.Helper()
	src, err := NewReader(r, nil)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	recs, err := drain(src)
	if st, _ := src.Stats(); st.Captured != uint64(len(recs)) {
		t.Errorf("Stats: %d captured, %d read", st.Captured, len(recs))
	}
	if err == io.EOF {
		err = nil
	}
	return recs, err
}

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// pcapBytes makes a file by hand.
func pcapBytes(o order, magic uint32, link uint32, recs ...record) []byte {
	b := o.AppendUint32(nil, magic)
	b = o.AppendUint16(b, 2)
	b = o.AppendUint16(b, 4)
	b = o.AppendUint64(b, 0)
	b = o.AppendUint32(b, 65535)
	b = o.AppendUint32(b, link)
	for _, r := range recs {
		frac := r.time % 1e9
		if magic != magicNano {
			frac /= 1000
		}
		b = o.AppendUint32(b, uint32(r.time/1e9))
		b = o.AppendUint32(b, uint32(frac))
		b = o.AppendUint32(b, uint32(len(r.data)))
		b = o.AppendUint32(b, uint32(r.length))
		if magic == magicModified {
			b = o.AppendUint32(b, uint32(r.ifi))
			b = append(b, 8, 0, 4, 0)
		}
		b = append(b, r.data...)
	}
	return b
}

var orders = []struct {
	name string
	order
}{{"little", binary.LittleEndian}, {"big", binary.BigEndian}}

func TestReadPcap(t *testing.T) {
	long := 300_000 // more than a chunk
	if testing.Short() {
		long = 3_000
	}
	for _, o := range orders {
		for _, m := range []struct {
			name  string
			magic uint32
			ns    int64
			ifi   int
			dir   capture.Direction
		}{
			{"micro", magicMicro, 1000, 0, capture.DirectionUnknown},
			{"nano", magicNano, 1, 0, capture.DirectionUnknown},
			{"modified", magicModified, 1000, 7, capture.Outgoing},
		} {
			t.Run(o.name+"/"+m.name, func(t *testing.T) {
				at := int64(4000000000)*1e9 + 123456789/m.ns*m.ns // after 2038
				want := []record{
					{"hello", 5, at, decode.LinkEthernet, m.ifi, m.dir},
					{"", 60, at, decode.LinkEthernet, m.ifi, m.dir},
					{strings.Repeat("x", long), long, at + m.ns, decode.LinkEthernet, m.ifi, m.dir},
					{"bye", 1500, at, decode.LinkEthernet, m.ifi, m.dir},
				}
				file := pcapBytes(o, m.magic, 1|0x94<<24, want...) // upper bits: frame check sequence
				for name, r := range map[string]io.Reader{
					"whole": bytes.NewReader(file),
					"byte":  iotest.OneByteReader(bytes.NewReader(file)),
					"half":  iotest.HalfReader(bytes.NewReader(file)),
					"late":  iotest.DataErrReader(bytes.NewReader(file)),
				} {
					got, err := readAll(t, r)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					compare(t, got, want)
				}
			})
		}
	}
}

func compare(t *testing.T, got, want []record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("frame %d: got %.200v, want %.200v", i, got[i], want[i])
		}
	}
}

func TestLinkTypes(t *testing.T) {
	for v, want := range map[uint32]decode.LinkType{
		11: decode.LinkATM, 13: decode.LinkENC,
		0: decode.LinkNull, 1: decode.LinkEthernet, 12: decode.LinkRaw, 14: decode.LinkRaw,
		101: decode.LinkRaw, 113: decode.LinkSLL, 276: decode.LinkSLL2, 147: 147,
	} {
		r, err := NewReader(bytes.NewReader(pcapBytes(binary.LittleEndian, magicMicro, v)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Info().Link; got != want {
			t.Errorf("type %d: got %v, want %v", v, got, want)
		}
		if err := read1(r, new(capture.Frame)); err != io.EOF {
			t.Errorf("no frames: %v, want io.EOF", err)
		}
		r.Close()
	}
}

// Before version 2.4 some systems wrote the two lengths the other way round.
func TestOldPcap(t *testing.T) {
	file := pcapBytes(binary.LittleEndian, magicMicro, 1, record{data: "hello", length: 5}, record{data: "hello", length: 9})
	file[6] = 3
	second := len(file) - pcapRecordHeader - 5
	file[second+8], file[second+12] = 9, 5
	got, err := readAll(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, []record{{data: "hello", length: 5, link: 1}, {data: "hello", length: 9, link: 1}})
}

func TestBadFiles(t *testing.T) {
	two := pcapBytes(binary.LittleEndian, magicMicro, 1, record{data: "hello", length: 5}, record{data: "world", length: 5})
	absurd := bytes.Clone(two)
	binary.LittleEndian.PutUint32(absurd[24+21+8:], 0xfffffff0)
	version := bytes.Clone(two)
	version[4] = 9
	for _, c := range []struct {
		name   string
		file   []byte
		frames int
		err    error
		offset int64
		say    string
	}{
		{"empty", nil, 0, ErrEmpty, 0, "empty"},
		{"three bytes", two[:3], 0, ErrCut, 3, "at byte 3: inside the file header"},
		{"header cut", two[:20], 0, ErrCut, 20, "at byte 20"},
		{"text", []byte("GET / HTTP/1.1\r\n"), 0, ErrFormat, 0, `"GET "`},
		{"zstd", []byte("\x28\xb5\x2f\xfd...."), 0, ErrFormat, 0, "zstd"},
		{"version", version, 0, ErrFormat, 0, "version"},
		{"record header cut", two[:24+21+15], 1, ErrCut, 60, "at byte 60: inside the record that begins at byte 45"},
		{"data cut", two[:len(two)-1], 1, ErrCut, 65, "at byte 65: inside the record that begins at byte 45"},
		{"absurd length", absurd, 1, ErrCorrupt, 45, "4294967280 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			recs, err := readAll(t, bytes.NewReader(c.file))
			var e *Error
			if !errors.Is(err, c.err) || !errors.As(err, &e) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if len(recs) != c.frames || e.Offset != c.offset || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%d frames, then %q at %d; want %d frames, %q at %d", len(recs), err, e.Offset, c.frames, c.say, c.offset)
			}
		})
	}
}

// An error of the reader itself comes after the frames before it, as it is.
func TestReadError(t *testing.T) {
	file := pcapBytes(binary.LittleEndian, magicMicro, 1, record{data: "hello", length: 5})
	bad := errors.New("bad disk")
	recs, err := readAll(t, io.MultiReader(bytes.NewReader(file), iotest.ErrReader(bad)))
	if len(recs) != 1 || !errors.Is(err, bad) {
		t.Errorf("%d frames, then %v", len(recs), err)
	}
	if _, err := readAll(t, iotest.ErrReader(bad)); !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
}

func TestOpen(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open(t.TempDir(), nil); err == nil {
		t.Error("a directory opens")
	}
	name := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name, nil); !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), name) {
		t.Errorf("empty file: %v", err)
	}
}

// A frame comes out of a pipe as soon as it is whole, and Close ends a Read.
func TestPipe(t *testing.T) {
	file := pcapBytes(binary.LittleEndian, magicMicro, 1, record{data: "hello", length: 5}, record{data: "world", length: 5})
	osr, osw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer osr.Close()
	defer osw.Close()
	ior, iow := io.Pipe()
	defer iow.Close()
	for _, p := range []struct {
		name string
		r    io.Reader
		w    io.Writer
	}{{"os", osr, osw}, {"io", ior, iow}} {
		t.Run(p.name, func(t *testing.T) {
			go p.w.Write(file[:24+21+7])
			r, err := NewReader(p.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			var f capture.Frame
			if err := read1(r, &f); err != nil || string(f.Data) != "hello" {
				t.Fatalf("%q, %v", f.Data, err)
			}
			go p.w.Write(file[24+21+7:])
			if err := read1(r, &f); err != nil || string(f.Data) != "world" {
				t.Fatalf("%q, %v", f.Data, err)
			}
			errs := make(chan error)
			go func() { errs <- read1(r, &f) }()
			time.Sleep(10 * time.Millisecond)
			for range 2 {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read: %v", err)
			}
			if err := read1(r, &f); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read again: %v", err)
			}
		})
	}
}

// loop is a file without end.
type loop struct {
	file, rest []byte
}

func (l *loop) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if len(l.rest) == 0 {
			l.rest = l.file[pcapFileHeader:]
		}
		m := copy(b[n:], l.rest)
		l.rest = l.rest[m:]
		n += m
	}
	return n, nil
}

func newLoop(frame int) *loop {
	recs := make([]record, 1000)
	for i := range recs {
		recs[i] = record{data: strings.Repeat("x", frame), length: frame, time: int64(i)}
	}
	file := pcapBytes(binary.LittleEndian, magicNano, 1, recs...)
	return &loop{file, file}
}

func BenchmarkReadOne(b *testing.B) {
	r, err := NewReader(newLoop(100), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.ReportAllocs()
	var one [1]capture.Frame
	for b.Loop() {
		if _, err := r.Read(one[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads by batches of 64; the time is that of a frame.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name  string
		frame int
	}{{"100", 100}, {"1500", 1500}} {
		b.Run(c.name, func(b *testing.B) {
			r, err := NewReader(newLoop(c.frame), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			b.SetBytes(int64(c.frame + pcapRecordHeader))
			benchmarkRead(b, r)
		})
	}
}

func benchmarkRead(b *testing.B, r *Reader) {
	b.ReportAllocs()
	fs := make([]capture.Frame, 64)
	for i := 0; i < b.N; {
		n, err := r.Read(fs)
		if err != nil {
			b.Fatal(err)
		}
		i += n
	}
}
