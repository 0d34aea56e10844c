package pcapfile

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

// A filter selects the same frames whatever their link types, whole or dealt.
func TestFilter(t *testing.T) {
	file := interleaved(t, 20, 100, false)
	whole, err := readAll(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var want []record
	for _, rec := range whole {
		var p decode.Packet
		if p.Decode(rec.link, []byte(rec.data)) == nil && p.TCP && p.VLANs() == 0 && (p.SrcPort == 1004 || p.DstPort == 1004 || p.SrcPort == 1001 || p.DstPort == 1001) {
			want = append(want, rec)
		}
	}
	if len(want) < 50 {
		t.Fatalf("only %d frames to select", len(want))
	}
	const expr = "tcp port 1004 or port 1001"
	for _, workers := range []int{1, 2} {
		recs, errs, r := drainShards(t, file, Config{Filter: expr, Workers: workers})
		defer r.Close()
		var got []record
		for i := range recs {
			if errs[i] != io.EOF {
				t.Fatal(errs[i])
			}
			got = append(got, recs[i]...)
		}
		sortRecords(got)
		sorted := append([]record(nil), want...)
		sortRecords(sorted)
		compare(t, got, sorted)
		if st, _ := r.Stats(); st.Captured != uint64(len(want)) {
			t.Errorf("%d captured", st.Captured)
		}
	}
}

func TestSetFilter(t *testing.T) {
	file := interleaved(t, 10, 50, false)
	var mistake *filter.Error
	if _, err := NewReader(bytes.NewReader(file), &Config{Filter: "tcp prot 80"}); !errors.As(err, &mistake) {
		t.Errorf("NewReader: %v", err)
	}
	r, err := NewReader(bytes.NewReader(file), &Config{Filter: "port 9"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.SetFilter("("); !errors.As(err, &mistake) {
		t.Errorf("SetFilter: %v", err)
	}
	for _, expr := range []string{"port 1002", ""} {
		if err := r.SetFilter(expr); err != nil {
			t.Fatal(err)
		}
		var f capture.Frame
		if err := read1(r, &f); err != nil {
			t.Errorf("filter %q: %v", expr, err)
		}
	}
}
