package filter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testkit"
)

// The differential tests compare with libpcap, as tcpdump offers it.
// WSTAP_FILTER_EXPRS sets how many generated expressions are compared; the
// default fits into an ordinary test run.
const defaultExprs = 800

// exprs is how many generated expressions are to be compared.
func exprs() int {
	if n, err := strconv.Atoi(os.Getenv("WSTAP_FILTER_EXPRS")); err == nil {
		return n
	}
	return testkit.Rounds(defaultExprs, 120, 20_000)
}

// oracle asks libpcap for its program for a file. Where libpcap refuses the
// expression there is none, and refusal says why.
func oracle(t testing.TB, file, expr string) (dump, refusal string) {
	out, stderr, ok := runTcpdump(t, "-r", file, "-ddd", "--", expr)
	if !ok {
		return "", stderr
	}
	return out, ""
}

func tcpdump(t testing.TB, args ...string) string {
	out, stderr, ok := runTcpdump(t, args...)
	if !ok {
		t.Fatal(stderr)
	}
	return out
}

func runTcpdump(t testing.TB, args ...string) (stdout, stderr string, ok bool) {
	cmd := exec.Command("tcpdump", args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), strings.TrimSpace(errs.String()), err == nil
}

func needTcpdump(t testing.TB) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		if os.Getenv("WSTAP_REQUIRE_LIVE") == "1" {
			t.Fatal("tcpdump is not installed")
		}
		t.Skip("needs tcpdump: apt-get install tcpdump")
	}
}

// parseDump reads what tcpdump -ddd prints.
func parseDump(t testing.TB, s string) []bpf.RawInstruction {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	var out []bpf.RawInstruction
	for _, l := range lines[1:] {
		var in bpf.RawInstruction
		if _, err := fmt.Sscan(l, &in.Op, &in.Jt, &in.Jf, &in.K); err != nil {
			t.Fatalf("tcpdump printed %q: %v", l, err)
		}
		out = append(out, in)
	}
	return out
}

// reference interprets a program in the plainest way. It is what the tests
// believe of BPF, beside x/net/bpf's interpreter, which has no loops, no
// modulus by X, and takes the captured length for the packet's.
func reference(ins []bpf.RawInstruction, f frame) int {
	var a, x uint32
	var mem [16]uint32
	at := func(k, n uint32) (v uint32, ok bool) {
		if uint64(k)+uint64(n) > uint64(len(f.data)) {
			return 0, false
		}
		for _, b := range f.data[k : k+n] {
			v = v<<8 | uint32(b)
		}
		return v, true
	}
	for pc, steps := 0, 0; steps < 100000; pc, steps = pc+1, steps+1 {
		in := ins[pc]
		switch in.Op & 7 {
		case 0, 1:
			var v uint32
			ok := true
			n := map[uint16]uint32{0x00: 4, 0x08: 2, 0x10: 1}[in.Op&0x18]
			switch in.Op & 0xe0 {
			case 0x00:
				v = in.K
			case 0x20:
				v, ok = at(in.K, n)
			case 0x40:
				v, ok = at(in.K+x, n)
			case 0x60:
				v = mem[in.K]
			case 0x80:
				v = uint32(f.length)
			case 0xa0:
				v, ok = at(in.K, 1)
				v = v & 15 * 4
			}
			if !ok {
				return 0
			}
			if in.Op&7 == 0 {
				a = v
			} else {
				x = v
			}
		case 2:
			mem[in.K] = a
		case 3:
			mem[in.K] = x
		case 4, 5:
			v := in.K
			if in.Op&8 != 0 {
				v = x
			}
			if in.Op&7 == 5 {
				yes := false
				switch in.Op & 0xf0 {
				case 0x00:
					pc += int(int32(in.K))
					continue
				case 0x10:
					yes = a == v
				case 0x20:
					yes = a > v
				case 0x30:
					yes = a >= v
				case 0x40:
					yes = a&v != 0
				}
				if yes {
					pc += int(in.Jt)
				} else {
					pc += int(in.Jf)
				}
				continue
			}
			switch in.Op & 0xf0 {
			case 0x00:
				a += v
			case 0x10:
				a -= v
			case 0x20:
				a *= v
			case 0x30, 0x90:
				if v == 0 {
					return 0
				}
				if in.Op&0xf0 == 0x30 {
					a /= v
				} else {
					a %= v
				}
			case 0x40:
				a |= v
			case 0x50:
				a &= v
			case 0x60:
				if v < 32 {
					a <<= v
				} else {
					a = 0
				}
			case 0x70:
				if v < 32 {
					a >>= v
				} else {
					a = 0
				}
			case 0x80:
				a = -a
			case 0xa0:
				a ^= v
			}
		case 6:
			if in.Op == 0x16 {
				return int(min(a, 1<<31-1))
			}
			return int(min(in.K, 1<<31-1))
		case 7:
			if in.Op == 7 {
				x = a
			} else {
				a = x
			}
		}
	}
	return -1 // it loops
}

// A subject is a link type to compare, with its corpus.
type subject struct {
	name   string
	target Target
	file   string
	frames []frame
}

func subjects(t testing.TB) []subject {
	dir := t.TempDir()
	var out []subject
	for _, s := range []struct {
		link decode.LinkType
		big  bool
	}{
		{decode.LinkEthernet, false}, {decode.LinkSLL, false}, {decode.LinkSLL2, false}, {decode.LinkNull, false},
		{decode.LinkNull, true}, {decode.LinkLoop, false}, {decode.LinkRaw, false}, {decode.LinkIPv4, false},
		{decode.LinkIPv6, false},
		{decode.LinkPPP, false}, {decode.LinkPPPSerial, false}, {decode.LinkPPPoE, false}, {decode.LinkPPPPPPD, false},
		{decode.LinkHDLC, false}, {decode.LinkTokenRing, false}, {decode.LinkFDDI, false}, {decode.LinkATM, false},
		{decode.LinkSunATM, false}, {decode.LinkIPFC, false}, {decode.LinkFirewire, false}, {decode.LinkENC, false},
		{decode.LinkENC, true}, {decode.LinkIPNET, false}, {decode.LinkNetAnalyzer, false},
		{decode.LinkDot11, false}, {decode.LinkRadiotap, false}, {decode.LinkPrism, false}, {decode.LinkAVS, false},
		{decode.LinkPPI, false}, {decode.LinkNFLOG, false}, {decode.LinkPKTAP, false},
	} {
		sub := subject{name: fmt.Sprintf("%v-%v", s.link, s.big), target: Target{Link: s.link, Order: binary.LittleEndian}}
		if s.big {
			sub.target.Order = binary.BigEndian
		}
		sub.frames = corpus(s.link, s.big)
		sub.file = filepath.Join(dir, sub.name+".pcap")
		if err := os.WriteFile(sub.file, writePcap(s.link, s.big, sub.frames), 0o644); err != nil {
			t.Fatal(err)
		}
		out = append(out, sub)
	}
	return out
}

// compare compares one expression with libpcap: both refuse it, or both select
// the same frames.
func (s *subject) compare(t testing.TB, expr string) (same, refused bool, selected int, complaint string) {
	if layouts[s.target.Link].varying && (strings.Contains(expr, "geneve") || strings.Contains(expr, "pppoes")) {
		return true, true, 0, "" // libpcap takes one varying offset for the other
	}
	dump, refusal := oracle(t, s.file, expr)
	p, err := Compile(expr, s.target)
	switch {
	case dump == "" && err != nil:
		return true, true, 0, ""
	case err != nil && strings.Contains(err.Error(), "not supported"):
		return true, true, 0, "" // words of 802.11 and others that are not translated
	case dump == "":
		return false, false, 0, fmt.Sprintf("libpcap refuses it (%s), not we", refusal)
	case err != nil:
		return false, false, 0, fmt.Sprintf("we refuse it (%v), not libpcap", err)
	}
	theirs := parseDump(t, dump)
	for i, f := range s.frames {
		want := reference(theirs, f)
		if want < 0 {
			continue
		}
		if got := p.Match(f.data, &Meta{Length: f.length}); got != want {
			return false, false, 0, fmt.Sprintf("frame %d (%x): selects %d bytes, libpcap %d\n%s\nlibpcap's:\n%s", i, f.data, got, want, p, disassemble(theirs))
		}
		if want > 0 {
			selected++
		}
	}
	return p.Decimal() == dump, false, selected, ""
}

func disassemble(ins []bpf.RawInstruction) string { return (&Program{ins: ins}).String() }

func TestGeneratedLikeLibpcap(t *testing.T) {
	needTcpdump(t)
	n := exprs()
	seed := uint64(1)
	if s := os.Getenv("WSTAP_FILTER_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	subs := subjects(t)
	type job struct {
		sub  *subject
		expr string
	}
	jobs := make(chan job)
	go func() {
		defer close(jobs)
		g := gen{rand.New(rand.NewPCG(seed, 2))}
		for i := range n {
			sub := &subs[0]
			if g.often(35) {
				sub = &subs[g.IntN(len(subs))]
			}
			e := g.expr(i % 4)
			if g.often(5) {
				e = g.spoil(e)
			} else if g.often(5) {
				e = g.soup()
			}
			jobs <- job{sub, e}
		}
	}()
	var mu sync.Mutex
	var refused, identical, differ, some int
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range jobs {
				same, ref, selected, complaint := j.sub.compare(t, j.expr)
				mu.Lock()
				switch {
				case complaint != "":
					if differ++; differ <= 10 {
						t.Errorf("%s: %q: %s", j.sub.name, j.expr, complaint)
					}
				case ref:
					refused++
				case same:
					identical++
				}
				if selected > 0 && selected < len(j.sub.frames) {
					some++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d expressions: %d differ, %d refused by both, %d accepted (%d with an identical program), %d select some frames and not others",
		n, differ, refused, n-refused-differ, identical, some)
	if some < n/10 {
		t.Errorf("only %d of %d expressions tell frames apart: the generator is worth nothing", some, n)
	}
}
