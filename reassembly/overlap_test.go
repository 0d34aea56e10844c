package reassembly

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// The golden files in testdata say what the Linux kernel made of every three
// chunks of 6 units of a TCP stream, or of the data of an IP datagram, whatever
// their overlaps. The kernel is asked again by TestKernelOverlaps; the
// Assembler has to agree with the files.
var overlaps = []struct {
	file string
	play func(*testing.T, overlapCase) string
}{
	{"tcp", assembleTCP},
	{"ipv4-fragments", func(t *testing.T, c overlapCase) string { return assembleFragments(t, c, tester4, kernel4) }},
	{"ipv6-fragments", func(t *testing.T, c overlapCase) string { return assembleFragments(t, c, tester6, kernel6) }},
}

var (
	kernel4 = netip.MustParseAddr("10.9.0.1")
	tester4 = netip.MustParseAddr("10.9.0.2")
	kernel6 = netip.MustParseAddr("fd00:9::1")
	tester6 = netip.MustParseAddr("fd00:9::2")
)

// units is the length of the stream or datagram.
const units = 6

func TestOverlaps(t *testing.T) {
	for _, o := range overlaps {
		t.Run(o.file, func(t *testing.T) {
			golden := readOverlaps(t, o.file)
			bad := 0
			eachOverlap(func(c overlapCase) {
				if got, want := o.play(t, c), golden[c]; got != want {
					if bad++; bad <= 20 {
						t.Errorf("%v: got %s, the kernel has %s", c, got, want)
					}
				}
			})
			if bad > 20 {
				t.Errorf("and %d more", bad-20)
			}
		})
	}
}

// A span is a run of units.
type span struct{ from, to int }

func (s span) String() string { return fmt.Sprintf("%d-%d", s.from, s.to) }

// spans returns every span of n units.
func spans(n int) []span {
	var out []span
	for from := range n {
		for to := from + 1; to <= n; to++ {
			out = append(out, span{from, to})
		}
	}
	return out
}

// An overlapCase is three chunks in the order in which they are sent.
type overlapCase [3]span

func eachOverlap(f func(overlapCase)) {
	all := spans(units)
	n := 0
	for _, a := range all {
		for _, b := range all {
			for _, c := range all {
				if n++; testing.Short() && n%7 != 0 {
					continue
				}
				f(overlapCase{a, b, c})
			}
		}
	}
}

// play sends the chunks of c with the letters a, b and c, and then whatever
// units none of them has, as dots.
func (c overlapCase) play(send func(s span, letter byte)) {
	var have [units]bool
	for i, s := range c {
		send(s, byte('a'+i))
		for u := s.from; u < s.to; u++ {
			have[u] = true
		}
	}
	for from := 0; from < units; from++ {
		to := from
		for to < units && !have[to] {
			to++
		}
		if to > from {
			send(span{from, to}, '.')
			from = to
		}
	}
}

func overlapFile(name string) string { return "testdata/overlaps-" + name + ".txt" }

// Each line of a golden file has the first two chunks, and what became of the
// units for each third chunk.
func writeOverlaps(t *testing.T, name, head string, results map[overlapCase]string) {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", head)
	all := spans(units)
	for _, first := range all {
		for _, second := range all {
			fmt.Fprintf(&b, "%v %v", first, second)
			for _, third := range all {
				fmt.Fprintf(&b, " %s", results[overlapCase{first, second, third}])
			}
			b.WriteByte('\n')
		}
	}
	if err := os.WriteFile(overlapFile(name), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readOverlaps(t *testing.T, name string) map[overlapCase]string {
	f, err := os.Open(overlapFile(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := spans(units)
	out := make(map[overlapCase]string)
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if fields[0] == "#" {
			continue
		}
		var a, b span
		fmt.Sscanf(fields[0], "%d-%d", &a.from, &a.to)
		fmt.Sscanf(fields[1], "%d-%d", &b.from, &b.to)
		for i, result := range fields[2:] {
			out[overlapCase{a, b, all[i]}] = result
		}
	}
	if len(out) != len(all)*len(all)*len(all) {
		t.Fatalf("%s: %d cases", name, len(out))
	}
	return out
}

// assembleTCP plays c to an Assembler.
func assembleTCP(t *testing.T, c overlapCase) string {
	b := newBench(t, nil)
	b.packet(seg(client, decode.SYN, 99, 0, ""))
	b.packet(seg(server, decode.SYN, 499, 100, ""))
	c.play(func(s span, letter byte) {
		b.packet(seg(client, 0, 100+uint32(s.from), 500, strings.Repeat(string(letter), s.to-s.from)))
	})
	b.close()
	return string(b.flows[0].streams[client])
}

// assembleFragments plays c to an Assembler.
func assembleFragments(t *testing.T, c overlapCase, src, dst netip.Addr) string {
	b := newBench(t, &Config{Tunnels: VXLAN})
	var out []string
	c.play(func(s span, letter byte) {
		var p decode.Packet
		if err := p.Decode(decode.LinkRaw, fragmentOf(src, dst, 1, s, letter)); err != nil {
			t.Fatal(err)
		}
		before := b.a.stats.Reassembled
		b.packet(&p)
		if !p.Fragment { // a datagram by itself
			out = append(out, readUnits(p.SrcPort, p.Payload))
		}
		if b.a.stats.Reassembled > before {
			data := b.a.fragments.buffer
			data = data[len(data)-units*8:]
			out = append(out, readUnits(binary.BigEndian.Uint16(data), data[8:]))
		}
	})
	b.close()
	if out == nil {
		return "-"
	}
	return strings.Join(out, "+")
}

// fragmentOf returns units of a UDP datagram. Its header is unit 0; the letter
// is in its source port. Every unit sums up to the same, so that the checksum
// is right whichever copies are taken.
func fragmentOf(src, dst netip.Addr, id uint32, s span, letter byte) []byte {
	data := packetgen.UDP{
		Src: netip.AddrPortFrom(src, port(letter)), Dst: netip.AddrPortFrom(dst, 7272),
		Payload: letters(letter, units-1),
	}
	ip := packetgen.IP{
		Src: src, Dst: dst, Proto: 17, ID: id,
		Fragment: true, Offset: s.from * 8, More: s.to < units,
	}
	return ip.Append(nil, data.Datagram()[s.from*8:s.to*8])
}

func port(letter byte) uint16 { return uint16(letter)<<8 | uint16(letter) }

func letters(letter byte, n int) []byte {
	b := make([]byte, 0, n*8)
	for range n {
		for range 6 {
			b = append(b, letter)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(3*0xffff-3*uint32(port(letter))%0xffff))
	}
	return b
}

// readUnits returns one letter for each unit: that of the source port, and
// those of the payload, or '!' where a unit is not of one piece.
func readUnits(src uint16, payload []byte) string {
	out := []byte{byte(src)}
	for ; len(payload) >= 8; payload = payload[8:] {
		c := payload[0]
		if string(letters(c, 1)) != string(payload[:8]) {
			c = '!'
		}
		out = append(out, c)
	}
	return string(out)
}
