package filter

import (
	"fmt"
	"strings"
)

// String returns the program as tcpdump -d prints it, one instruction a line.
func (p *Program) String() string {
	var b strings.Builder
	for i, in := range p.ins {
		op, operand := mnemonic(in.Op, int32(in.K), in.K, i)
		if in.Op&0x07 == opJMP && in.Op != ja {
			fmt.Fprintf(&b, "(%03d) %-8s %-16s jt %d\tjf %d\n", i, op, operand, i+1+int(in.Jt), i+1+int(in.Jf))
		} else {
			fmt.Fprintf(&b, "(%03d) %-8s %s\n", i, op, operand)
		}
	}
	return b.String()
}

// C returns the program as tcpdump -dd prints it: initialisers of C structures.
func (p *Program) C() string {
	var b strings.Builder
	for _, in := range p.ins {
		fmt.Fprintf(&b, "{ 0x%x, %d, %d, 0x%08x },\n", in.Op, in.Jt, in.Jf, in.K)
	}
	return b.String()
}

// Decimal returns the program as tcpdump -ddd prints it: a count, then one
// instruction a line, all in decimal.
func (p *Program) Decimal() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", len(p.ins))
	for _, in := range p.ins {
		fmt.Fprintf(&b, "%d %d %d %d\n", in.Op, in.Jt, in.Jf, in.K)
	}
	return b.String()
}

var sizeSuffix = map[uint16]string{sizeW: "", sizeH: "h", sizeB: "b"}

var aluNames = map[uint16]string{aluADD: "add", aluSUB: "sub", aluMUL: "mul", aluDIV: "div", aluOR: "or",
	aluAND: "and", aluLSH: "lsh", aluRSH: "rsh", aluNEG: "neg", aluMOD: "mod", aluXOR: "xor"}

var jumpNames = map[uint16]string{jmpEQ: "jeq", jmpGT: "jgt", jmpGE: "jge", jmpSET: "jset"}

func mnemonic(code uint16, k int32, u uint32, at int) (op, operand string) {
	switch code & 0x07 {
	case opLD:
		op = "ld" + sizeSuffix[sizeOf(code)]
		switch modeOf(code) {
		case modeABS:
			if name, ok := extNames[u]; ok {
				return op, "[" + name + "]"
			}
			return op, fmt.Sprintf("[%d]", k)
		case modeIND:
			return op, fmt.Sprintf("[x + %d]", k)
		case modeIMM:
			return op, fmt.Sprintf("#0x%x", u)
		case modeMEM:
			return op, fmt.Sprintf("M[%d]", k)
		case modeLEN:
			return op, "#pktlen"
		}
	case opLDX:
		switch modeOf(code) {
		case modeIMM:
			return "ldx", fmt.Sprintf("#0x%x", u)
		case modeMEM:
			return "ldx", fmt.Sprintf("M[%d]", k)
		case modeMSH:
			return "ldxb", fmt.Sprintf("4*([%d]&0xf)", k)
		}
	case opST:
		return "st", fmt.Sprintf("M[%d]", k)
	case opSTX:
		return "stx", fmt.Sprintf("M[%d]", k)
	case opALU:
		op = aluNames[opOf(code)]
		switch {
		case opOf(code) == aluNEG:
			return op, ""
		case srcOf(code) == srcX:
			return op, "x"
		}
		switch opOf(code) {
		case aluAND, aluOR, aluXOR:
			return op, fmt.Sprintf("#0x%x", u)
		}
		return op, fmt.Sprintf("#%d", k)
	case opJMP:
		if code == ja {
			return "ja", fmt.Sprint(at + 1 + int(k))
		}
		if srcOf(code) == srcX {
			return jumpNames[opOf(code)], "x"
		}
		return jumpNames[opOf(code)], fmt.Sprintf("#0x%x", u)
	case opRET:
		if code == opRET|retA {
			return "ret", ""
		}
		return "ret", fmt.Sprintf("#%d", k)
	case opMISC:
		if code == txa {
			return "txa", ""
		}
		return "tax", ""
	}
	return "unimp", fmt.Sprintf("0x%x", code)
}

// extNames are the names that libpcap prints for the kernel's extensions.
var extNames = map[uint32]string{extProtocol: "proto", extPktType: "type", extIfIndex: "ifidx",
	extHAType: "hatype", extVLANTag: "vlan_tci", extVLANHas: "vlanp", extVLANType: "vlan_tpid"}
