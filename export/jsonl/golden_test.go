package jsonl_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/websocket"
)

// TestGolden compares the lines of captures with those of wsdump --json before
// this package existed. Where a capture comes to say more,
//
//	wsdump --json -r lossy.pcap.gz | gzip -9n >lossy.jsonl.gz
//
// makes the new ones, if the difference is what was meant.
func TestGolden(t *testing.T) {
	for _, name := range []string{"walkthrough", "lossy"} {
		f, err := os.Open("testdata/" + name + ".jsonl.gz")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		gz, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(gz)
		if err != nil {
			t.Fatal(err)
		}
		compareLines(t, name, encode(t, "testdata/"+name+".pcap.gz"), want)
	}
}

// encode returns the lines of a capture.
func encode(t *testing.T, file string) []byte {
	t.Helper()
	src, err := pcapfile.Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := jsonl.NewEncoder(&out, nil).EncodeAll(websocket.NewTap(src, nil).Events(t.Context())); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compareLines(t *testing.T, name string, got, want []byte) {
	t.Helper()
	g, w := bytes.SplitAfter(got, []byte("\n")), bytes.SplitAfter(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			t.Fatalf("%s, line %d\ngot  %.1000swant %.1000s", name, i+1, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Errorf("%s: %d lines, want %d", name, len(g)-1, len(w)-1)
	}
}

// TestGoldenAgain: the lines read back so that they are written the same.
func TestGoldenAgain(t *testing.T) {
	for _, name := range []string{"walkthrough", "lossy"} {
		lines := encode(t, "testdata/"+name+".pcap.gz")
		var out bytes.Buffer
		if err := jsonl.NewEncoder(&out, nil).EncodeAll(jsonl.NewDecoder(bytes.NewReader(lines)).All()); err != nil {
			t.Fatal(err)
		}
		compareLines(t, name, out.Bytes(), lines)
	}
}
