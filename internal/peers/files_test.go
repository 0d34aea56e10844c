package peers

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
)

// someFrames are frames of random lengths, some cut.
func someFrames(links ...decode.LinkType) []capture.Frame {
	rng := rand.New(rand.NewPCG(3, 4))
	frames := make([]capture.Frame, 500)
	for i := range frames {
		data := make([]byte, rng.IntN(2000))
		for j := range data {
			data[j] = byte(rng.Uint32())
		}
		n := rng.IntN(len(links))
		frames[i] = capture.Frame{Data: data, Length: len(data) + rng.IntN(2)*1000, Link: links[n], Interface: n,
			Time: time.Unix(1700000000+int64(i), rng.Int64N(1e9)).UTC()}
	}
	return frames
}

func info(f capture.Frame) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Data), Length: f.Length, InterfaceIndex: f.Interface}
}

// differ compares a frame with what pcapgo says of it.
func differ(f capture.Frame, unit time.Duration, data []byte, ci gopacket.CaptureInfo) error {
	if !bytes.Equal(f.Data, data) || f.Length != ci.Length || !f.Time.Truncate(unit).Equal(ci.Timestamp.Truncate(unit)) {
		return fmt.Errorf("%d of %d bytes at %v; pcapgo: %d of %d at %v", len(f.Data), f.Length, f.Time, len(data), ci.Length, ci.Timestamp)
	}
	return nil
}

// pcapgo reads what we write.
func TestPcapgoReads(t *testing.T) {
	for _, c := range []struct {
		format pcapfile.Format
		micro  bool
		links  []decode.LinkType
	}{
		{pcapfile.Pcap, false, []decode.LinkType{decode.LinkEthernet}},
		{pcapfile.Pcap, true, []decode.LinkType{decode.LinkSLL2}},
		{pcapfile.Pcapng, false, []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2, decode.LinkRaw}},
		{pcapfile.Pcapng, true, []decode.LinkType{decode.LinkEthernet}},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			frames := someFrames(c.links...)
			var file bytes.Buffer
			w, err := pcapfile.NewWriter(&file, c.links[0], &pcapfile.WriterConfig{Format: c.format, Microseconds: c.micro,
				Section: pcapfile.Section{OS: "an OS", Comments: []string{"a comment"}}})
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range c.links {
				if err := w.AddInterface(i, pcapfile.Interface{Link: l, Name: fmt.Sprint("if", i), Filter: "tcp", Description: "d"}); err != nil {
					t.Fatal(err)
				}
			}
			for i := range frames {
				if err := w.WriteFrameInfo(&frames[i], &pcapfile.FrameInfo{Comments: []string{fmt.Sprint(i)}, Dropped: uint64(i)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.WriteStatistics(0, c.links[0], capture.Stats{Received: 12, Dropped: 34}, frames[0].Time); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}

			unit := time.Nanosecond
			if c.micro {
				unit = time.Microsecond
			}
			if c.format == pcapfile.Pcap {
				r, err := pcapgo.NewReader(&file)
				if err != nil {
					t.Fatal(err)
				}
				if r.LinkType() != layers.LinkType(c.links[0]) {
					t.Errorf("link type %v", r.LinkType())
				}
				for i, f := range frames {
					data, ci, err := r.ReadPacketData()
					if err == nil {
						err = differ(f, unit, data, ci)
					}
					if err != nil {
						t.Fatalf("frame %d: %v", i, err)
					}
				}
				if _, _, err := r.ReadPacketData(); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
				return
			}
			r, err := pcapgo.NewNgReader(&file, pcapgo.NgReaderOptions{WantMixedLinkType: true})
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range frames {
				data, ci, opts, err := r.ReadPacketDataWithOptions()
				if err == nil {
					err = differ(f, unit, data, ci)
				}
				if err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
				if ci.InterfaceIndex != f.Interface || ci.AncillaryData[0] != layers.LinkType(f.Link) {
					t.Fatalf("frame %d: interface %d, %v", i, ci.InterfaceIndex, ci.AncillaryData)
				}
				if len(opts.Comments) != 1 || opts.Comments[0] != fmt.Sprint(i) || i > 0 && (opts.DropCount == nil || *opts.DropCount != uint64(i)) {
					t.Fatalf("frame %d: options %+v", i, opts)
				}
			}
			if _, _, err := r.ReadPacketData(); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			if s := r.SectionInfo(); s.OS != "an OS" || s.Comment != "a comment" {
				t.Errorf("section %+v", s)
			}
			for i := range c.links {
				ifi, err := r.Interface(i)
				if err != nil || ifi.Name != fmt.Sprint("if", i) || ifi.Filter != "tcp" || ifi.Description != "d" {
					t.Errorf("interface %+v, %v", ifi, err)
				}
				if i == 0 && (ifi.Statistics.PacketsReceived != 12 || ifi.Statistics.PacketsDropped != 34) {
					t.Errorf("statistics %+v", ifi.Statistics)
				}
			}
		})
	}
}

// We read what pcapgo writes.
func TestPcapgoWrites(t *testing.T) {
	frames := someFrames(decode.LinkEthernet)
	write := map[string]func(io.Writer) error{
		"pcap":             func(w io.Writer) error { return writePcap(pcapgo.NewWriter(w), frames) },
		"pcap nanoseconds": func(w io.Writer) error { return writePcap(pcapgo.NewWriterNanos(w), frames) },
		"pcapng": func(w io.Writer) error {
			ng, err := pcapgo.NewNgWriter(w, layers.LinkTypeEthernet)
			for i := 0; err == nil && i < len(frames); i++ {
				drops := uint64(i)
				err = ng.WritePacketWithOptions(info(frames[i]), frames[i].Data, pcapgo.NgPacketOptions{Comments: []string{fmt.Sprint(i)}, DropCount: &drops})
			}
			if err == nil {
				err = ng.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{PacketsReceived: 12, PacketsDropped: 200000})
			}
			if err == nil {
				err = ng.Flush()
			}
			return err
		},
	}
	for name, write := range write {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			if err := write(&file); err != nil {
				t.Fatal(err)
			}
			r, err := pcapfile.NewReader(&file, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			unit := time.Nanosecond
			if name == "pcap" {
				unit = time.Microsecond
			}
			one := make([]capture.Frame, 1)
			for i, want := range frames {
				if _, err := r.Read(one); err != nil {
					t.Fatal(err)
				}
				if err := differ(one[0], unit, want.Data, info(want)); err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
				if in := r.FrameInfo(0); name == "pcapng" && (len(in.Comments) != 1 || in.Comments[0] != fmt.Sprint(i) || in.Dropped != uint64(i)) {
					t.Fatalf("frame %d: %+v", i, in)
				}
			}
			if _, err := r.Read(one); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			if st, _ := r.Stats(); name == "pcapng" && st.Dropped != 200000 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func writePcap(w *pcapgo.Writer, frames []capture.Frame) error {
	err := w.WriteFileHeader(262144, layers.LinkTypeEthernet)
	for i := 0; err == nil && i < len(frames); i++ {
		err = w.WritePacket(info(frames[i]), frames[i].Data)
	}
	return err
}
