package filter

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/wstap/wstap/decode"
)

func must(t testing.TB, expr string, target Target) *Program {
	t.Helper()
	p, err := Compile(expr, target)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMatchAllocatesNothing(t *testing.T) {
	data := ether(1, 0x0800, ipv4(1, 6, 0, nil, tcp(1, 2)))
	m := &Meta{Length: len(data)}
	for _, live := range []bool{false, true} {
		p := must(t, "tcp port 53 or vlan 5 and ip6 or protochain 6 or tcp[13] & 7 != 0", Target{Link: decode.LinkEthernet, Live: live})
		if n := testing.AllocsPerRun(100, func() { p.Match(data, m) }); n != 0 {
			t.Errorf("live %v: %v allocations", live, n)
		}
	}
}

// Headers that lead in a circle end the walk along them.
func TestLoopEnds(t *testing.T) {
	p := must(t, "protochain 6", Target{Link: decode.LinkRaw})
	// An authentication header whose length leads back to itself.
	data := ipv4(1, 51, 0, nil, authHeader(51, 3, make([]byte, 40)))
	if n := p.Match(data, nil); n != 0 {
		t.Errorf("selects %d bytes", n)
	}
}

func TestWholeFrameWithoutMeta(t *testing.T) {
	p := must(t, "len = 60", Target{Link: decode.LinkEthernet})
	if p.Match(make([]byte, 60), nil) == 0 || p.Match(make([]byte, 61), nil) != 0 {
		t.Error("a nil Meta does not stand for a whole frame")
	}
}

// FuzzMatch compares with the interpreter of x/net/bpf, over programs made of
// the fuzzer's bytes.
func FuzzMatch(f *testing.F) {
	add := func(data []byte, ins ...bpf.RawInstruction) {
		var b []byte
		for _, in := range ins {
			b = binary.BigEndian.AppendUint16(b, in.Op)
			b = append(b, in.Jt, in.Jf)
			b = binary.BigEndian.AppendUint32(b, in.K)
		}
		f.Add(b, data)
	}
	data := ether(1, 0x0800, ipv4(1, 6, 0, nil, tcp(1, 2)))
	for _, e := range []string{"tcp port 53", "tcp[13] & 7 != 0 or len > 5", "vlan and ip6", "ip[2:2] - ((ip[0]&0xf)<<2) = 5 % 3 / ip[1]"} {
		p := must(f, e, Target{Link: decode.LinkEthernet})
		add(data, p.Raw()...) // what the compiler makes
	}
	ret := bpf.RawInstruction{Op: opRET | retA}
	for op := range vmOps() {
		// Each operation, with operands inside of the packet and beyond.
		add(data, bpf.RawInstruction{Op: ldImm, K: 7}, bpf.RawInstruction{Op: tax}, bpf.RawInstruction{Op: op, K: 3}, ret)
		add(data, bpf.RawInstruction{Op: ldxImm, K: 0xfffffff0}, bpf.RawInstruction{Op: op, K: 0x15}, bpf.RawInstruction{Op: txa}, ret)
	}
	f.Fuzz(func(t *testing.T, program, data []byte) {
		var ins []bpf.RawInstruction
		for ; len(program) >= 8 && len(ins) < 200; program = program[8:] {
			in := bpf.RawInstruction{Op: binary.BigEndian.Uint16(program), Jt: program[2], Jf: program[3],
				K: binary.BigEndian.Uint32(program[4:])}
			if _, ok := vmOps()[in.Op]; !ok || in.Op == ja && in.K > 300 {
				return
			}
			ins = append(ins, in)
		}
		decoded, ok := bpf.Disassemble(ins)
		if !ok {
			return
		}
		vm, err := bpf.NewVM(decoded) // checks the jumps
		if err != nil {
			return
		}
		for _, in := range ins {
			// x/net takes offsets as int, and so beyond the packet what wraps
			// around; scratch registers it checks only when they are used.
			if in.Op&0xe7 == opLD|modeIND && in.K > 1<<20 || (in.Op == opST || in.Op == opSTX || in.Op&0xe6 == modeMEM) && in.K > 15 {
				return
			}
			if in.Op&0xe7 == opLD|modeABS && in.K >= linkBase {
				return // an extension, which x/net knows as one
			}
		}
		want, err := vm.Run(data)
		if err != nil {
			return
		}
		got := newProgram(ins, false).Match(data, nil)
		ref := reference(ins, frame{data, len(data)})
		if got != ref {
			t.Fatalf("selects %d bytes, the reference %d\n%s", got, ref, disassemble(ins))
		}
		if got != int(min(uint32(want), 1<<31-1)) && !wraps(ins) {
			t.Fatalf("selects %d bytes, x/net %d\n%s", got, want, disassemble(ins))
		}
	})
}

// wraps reports whether a load's offset could have wrapped around, which x/net
// does not do, or x/net has the instruction in another sense.
func wraps(ins []bpf.RawInstruction) bool {
	for _, in := range ins {
		if in.Op&0xe7 == opLD|modeIND {
			return true
		}
	}
	return false
}

func BenchmarkMatch(b *testing.B) {
	data := ether(1, 0x0800, ipv4(1, 6, 0, nil, tcp(1, 2)))
	m := &Meta{Length: len(data)}
	for _, e := range []string{"tcp port 7272", "host 10.9.9.9", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and ip[2:2] - ((ip[0]&0xf)<<2) > 5000",
		"portrange 7000-7010 or net 172.16.0.0/12 or ether src 02:02:02:02:02:02"} {
		b.Run(e, func(b *testing.B) {
			p := must(b, e, Target{Link: decode.LinkEthernet})
			steps := p.steps(data)
			b.ReportAllocs()
			for b.Loop() {
				p.Match(data, m)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(steps), "ns/instruction")
		})
	}
}

// steps counts the instructions that run.
func (p *Program) steps(data []byte) int {
	// A program that ends one instruction earlier runs one fewer: replace each
	// in turn by a return and see whether it is reached.
	n := 0
	for i := range p.ins {
		ins := append([]bpf.RawInstruction(nil), p.ins...)
		ins[i] = bpf.RawInstruction{Op: retK, K: 12345678}
		if newProgram(ins, false).Match(data, nil) == 12345678 {
			n++
		}
	}
	return n
}
