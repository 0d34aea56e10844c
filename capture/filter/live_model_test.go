package filter

import (
	"encoding/binary"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
)

// seen is what the kernel's program sees of a frame.
type seen struct {
	how  string
	data []byte
	meta Meta
}

// kernelViews returns the ways in which the kernel can present a frame of a
// live capture to the socket's program.
func kernelViews(link decode.LinkType, f frame) []seen {
	b := f.data
	cut := f.length - len(b)
	view := func(how string, data []byte, m Meta) seen {
		m.Length = len(data) + cut
		return seen{how, data, m}
	}
	be := binary.BigEndian.Uint16
	isTag := func(p uint16) bool { return p == 0x8100 || p == 0x88a8 }
	switch link {
	case decode.LinkEthernet:
		if len(b) < 14 {
			return nil
		}
		out := []seen{view("as is", b, Meta{Protocol: be(b[12:])})}
		if len(b) >= 18 && isTag(be(b[12:])) {
			out = append(out, view("without its tag", cat(b[:12], b[16:]), Meta{Protocol: be(b[16:]),
				HasVLAN: true, VLANProto: be(b[12:]), VLANTag: be(b[14:])}))
		}
		return out
	case decode.LinkSLL2:
		if len(b) < 20 {
			return nil
		}
		m := Meta{Protocol: be(b), Interface: int(binary.BigEndian.Uint32(b[4:])), PacketType: b[10], HardwareType: be(b[8:])}
		if !isTag(m.Protocol) {
			return []seen{view("cooked", b[20:], m)}
		}
		if len(b) < 24 {
			return nil
		}
		m.HasVLAN, m.VLANProto, m.VLANTag, m.Protocol = true, m.Protocol, be(b[20:]), be(b[22:])
		return []seen{view("cooked without its tag", b[24:], m)}
	case decode.LinkSLL:
		if len(b) < 16 {
			return nil
		}
		m := Meta{Protocol: be(b[14:]), PacketType: b[1], HardwareType: be(b[2:])}
		if !isTag(m.Protocol) {
			return []seen{view("cooked", b[16:], m)}
		}
		if len(b) < 20 {
			return nil
		}
		m.HasVLAN, m.VLANProto, m.VLANTag, m.Protocol = true, m.Protocol, be(b[16:]), be(b[18:])
		return []seen{view("cooked without its tag", b[20:], m)}
	}
	return nil
}

var otherwise = regexp.MustCompile(`or|\|\||not|!`)

var byteMask = regexp.MustCompile(`byte \d+ [&|]`)

var linkBytes = regexp.MustCompile(`(ether|link)\[|byte`)

// A live program must select from what the kernel shows it what the file
// program selects from what the user sees.
func TestLiveLikeFile(t *testing.T) {
	g := gen{rand.New(rand.NewPCG(7, 7))}
	compiled, refused := 0, 0
	for _, link := range []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2, decode.LinkSLL} {
		frames := corpus(link, false)
		for i := range max(700, exprs()/20) {
			e := g.expr(i % 4)
			if link != decode.LinkEthernet && linkBytes.MatchString(e) {
				continue // the kernel does not tell all of the cooked header
			}
			if byteMask.MatchString(e) || link != decode.LinkEthernet && strings.Contains(e, "geneve") && otherwise.MatchString(e) {
				continue // tests what was loaded before, see byteTest; or Geneve's offsets where there is no Geneve
			}
			file, err := Compile(e, Target{Link: link})
			if err != nil {
				continue
			}
			live, err := Compile(e, Target{Link: link, Live: true})
			if err != nil {
				refused++
				t.Logf("%v: %q: %v", link, e, err)
				continue
			}
			compiled++
			for _, f := range frames {
				want := file.Match(f.data, &Meta{Length: f.length})
				for _, k := range kernelViews(link, f) {
					if got := live.Match(k.data, &k.meta); got != want {
						t.Fatalf("%v: %q: frame %x %s: live selects %d bytes, file %d\n%s\n%s", link, e, f.data, k.how, got, want, live, file)
					}
				}
			}
		}
	}
	if refused > compiled/50 {
		t.Errorf("%d expressions compiled, %d refused live", compiled, refused)
	}
}
