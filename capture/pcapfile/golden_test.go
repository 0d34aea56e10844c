package pcapfile

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden are the files in testdata, made by hand in other tests' ways. Beside
// each lies a text of what a Reader says of it.
func golden(t *testing.T) map[string][]byte {
	le, be := binary.LittleEndian, binary.BigEndian
	recs := []record{
		{data: "hello", length: 5, time: 1700000000123456789},
		{data: "", length: 60, time: 1700000001000000000},
		{data: "cut", length: 1500, time: 4200000000999999999, ifi: 3},
	}
	return map[string][]byte{
		"micro-le.pcap":    pcapBytes(le, magicMicro, 1, recs...),
		"nano-be.pcap":     pcapBytes(be, magicNano, 276, recs...),
		"modified-be.pcap": pcapBytes(be, magicModified, 113, recs...),
		"cut.pcap":         pcapBytes(le, magicNano, 12, recs...)[:70],
		"nano-le.pcap.gz":  packed(t, pcapBytes(le, magicNano, 101, recs...)),
		"le-be.pcapng":     everything(le, be),
		"be-le.pcapng":     everything(be, le),
		"cut.pcapng":       everything(le, le)[:400],
		"written.pcap":     written(t, Pcap),
		"written.pcapng":   written(t, Pcapng),
	}
}

// written is what a Writer makes of some frames: it must not change unnoticed.
func written(t *testing.T, format Format) []byte {
	var out bytes.Buffer
	w, err := NewWriter(&out, decode.LinkEthernet, &WriterConfig{Format: format, Section: Section{Hardware: "h", OS: "o", Application: "a", Comments: []string{"c"}},
		Describe: func(f *capture.Frame) Interface {
			return Interface{Name: fmt.Sprint("if", f.Interface), Filter: "port 80", Comments: []string{"one", "two"}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 123456789)
	for i, data := range []string{"", "a", "ab", "abc", "abcd"} {
		f := capture.Frame{Data: []byte(data), Length: 2 * len(data), Link: decode.LinkEthernet, Interface: i % 2, Direction: capture.Direction(i % 4), Time: at}
		if err := w.WriteFrameInfo(&f, &FrameInfo{Comments: []string{data}, Dropped: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteStatistics(1, decode.LinkEthernet, capture.Stats{Captured: 5, Received: 7, Dropped: 2}, at); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// describeFile is the text beside a golden file.
func describeFile(in io.Reader) string {
	var b strings.Builder
	r, err := NewReader(in, nil)
	if err != nil {
		return err.Error() + "\n"
	}
	defer r.Close()
	var f capture.Frame
	for err = read1(r, &f); err == nil; err = read1(r, &f) {
		fmt.Fprintf(&b, "%s %v if %d dir %d: %d of %d bytes %q", f.Time.Format(time.RFC3339Nano), f.Link, f.Interface, f.Direction, len(f.Data), f.Length, f.Data)
		if info := r.FrameInfo(0); info.Comments != nil || info.Dropped != 0 || info.Flags != 0 {
			fmt.Fprintf(&b, " comments %q dropped %d flags %#x", info.Comments, info.Dropped, info.Flags)
		}
		b.WriteByte('\n')
	}
	st, _ := r.Stats()
	fmt.Fprintf(&b, "%v, %d captured, %d dropped\n%+v\n", err, st.Captured, st.Dropped, r.Section())
	for _, ifi := range r.Interfaces() {
		fmt.Fprintf(&b, "%+v\n", ifi)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	made := golden(t)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		for name, file := range made {
			path := filepath.Join("testdata", name)
			if err := os.WriteFile(path, file, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+".txt", []byte(describeFile(bytes.NewReader(file))), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, file := range made {
		path := filepath.Join("testdata", name)
		on, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "written") && !bytes.Equal(on, file) {
			t.Errorf("%s: the Writer writes something else", name)
		}
		want, err := os.ReadFile(path + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if got := describeFile(bytes.NewReader(on)); got != string(want) {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
	}
}
