package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// TestDecodeMissesNothing holds each printed segment against package decode's
// reading of the frame.
func TestDecodeMissesNothing(t *testing.T) {
	direct := regexp.MustCompile(`^IP6? \S+ > \S+: Flags \[`)
	p := newPrinter(options{n: 1, t: 1, S: true})
	segments := 0
	for _, s := range newCorpus(3, 2000).samples {
		line := string(p.print(&capture.Frame{Data: s.data, Length: s.wire, Time: s.time, Link: s.link}, 1))
		if !direct.MatchString(line) {
			continue
		}
		if (s.link == decode.LinkIPv4 || s.link == decode.LinkIPv6) && p.packet.IPVersion == 0 {
			continue // tcpdump goes by the version even there
		}
		if strings.Contains(line, "[bad hdr length") || strings.HasPrefix(line, "IP truncated-ip") {
			continue
		}
		d := &p.packet
		if !d.TCP {
			if !d.Fragment || d.FragmentOffset != 0 || !d.MoreFragments {
				t.Errorf("%s: decode sees no TCP in %s", s.what, line)
			}
			continue
		}
		segments++
		want := fmt.Sprintf("%s.%d > %s.%d: Flags [%s]", numeric(d.Src().Addr()), d.SrcPort, numeric(d.Dst().Addr()), d.DstPort,
			bitNames(tcpFlags, uint32(d.Flags), "", "none"))
		if d.PayloadLen > 0 {
			want += fmt.Sprintf(", seq %d:%d", d.Seq, d.Seq+uint32(d.PayloadLen))
		} else if d.Flags&(decode.SYN|decode.FIN|decode.RST) != 0 {
			want += fmt.Sprintf(", seq %d", d.Seq)
		}
		if d.Flags&decode.ACK != 0 {
			want += fmt.Sprintf(", ack %d", d.Ack)
		}
		want += fmt.Sprintf(", win %d", d.Window)
		if d.Flags&decode.URG != 0 {
			want += fmt.Sprintf(", urg %d", d.Urgent)
		}
		if !strings.Contains(line, want) {
			t.Errorf("%s: decode says %s\nprinted %s", s.what, want, line)
		}
		// After an option of the wrong length tcpdump reads the next elsewhere.
		if strings.Contains(line, "[bad opt]") || strings.Contains(line, "[len ") {
			continue
		}
		if v, ok := d.Options.MSS(); ok && !strings.Contains(line, fmt.Sprintf("mss %d", v)) {
			t.Errorf("%s: decode says mss %d\nprinted %s", s.what, v, line)
		}
		if v, e, ok := d.Options.Timestamps(); ok && !strings.Contains(line, fmt.Sprintf("TS val %d ecr %d", v, e)) {
			t.Errorf("%s: decode says timestamps %d %d\nprinted %s", s.what, v, e, line)
		}
	}
	if segments < 10000 {
		t.Errorf("only %d segments compared", segments)
	}
}

// FuzzPrint prints anything in every way; the seeds are one of each kind of
// frame in the corpus, whose name says what it hits.
func FuzzPrint(f *testing.F) {
	var seen []string
	for _, s := range newCorpus(1, 0).samples {
		if key := fmt.Sprint(s.what, s.link); !slices.Contains(seen, key) {
			seen = append(seen, key)
			f.Add(uint16(s.link), s.data, s.wire, uint8(len(seen)))
		}
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, wire int, how uint8) {
		o := options{n: 1, v: int(how & 3), e: how&4 != 0, q: int(how >> 3 & 1), S: how&16 != 0, A: int(how >> 5 & 1), X: int(how >> 6 & 3)}
		out := newPrinter(o).print(&capture.Frame{Data: data, Length: wire, Time: time.Unix(1, 2), Link: decode.LinkType(link)}, 1)
		if len(out) == 0 || out[len(out)-1] != '\n' {
			t.Errorf("the line does not end: %q", out)
		}
	})
}
