package filter

import (
	"encoding/binary"
	"math"
	"sync"

	"golang.org/x/net/bpf"
)

// An insn is an instruction made ready for the interpreter: its operation is
// one of a dense set, and its jumps are places in the program.
type insn struct {
	op     vmOp
	jt, jf uint16
	k      uint32
}

type vmOp uint8

const (
	vmRet vmOp = iota
	vmRetA
	vmLdW
	vmLdH
	vmLdB
	vmLdXW
	vmLdXH
	vmLdXB
	vmMsh
	vmExt
	vmLen
	vmImm
	vmXImm
	vmMem
	vmXMem
	vmSt
	vmStX
	vmTax
	vmTxa
	vmNeg
	vmJa
	vmLoop
	vmEqK
	vmEqX
	vmGtK
	vmGtX
	vmGeK
	vmGeX
	vmSetK
	vmSetX
	vmAddK
	vmAddX
	vmSubK
	vmSubX
	vmMulK
	vmMulX
	vmDivK
	vmDivX
	vmModK
	vmModX
	vmAndK
	vmAndX
	vmOrK
	vmOrX
	vmXorK
	vmXorX
	vmLshK
	vmLshX
	vmRshK
	vmRshX
)

// vmOps maps the kernel's codes.
var vmOps = sync.OnceValue(func() map[uint16]vmOp {
	return map[uint16]vmOp{
		retK: vmRet, opRET | retA: vmRetA,
		opLD | modeABS | sizeW: vmLdW, opLD | modeABS | sizeH: vmLdH, opLD | modeABS | sizeB: vmLdB,
		opLD | modeIND | sizeW: vmLdXW, opLD | modeIND | sizeH: vmLdXH, opLD | modeIND | sizeB: vmLdXB,
		ldxMsh: vmMsh, ldLen: vmLen, ldImm: vmImm, ldxImm: vmXImm, ldMem: vmMem, ldxMem: vmXMem,
		opST: vmSt, opSTX: vmStX, tax: vmTax, txa: vmTxa, neg: vmNeg, ja: vmJa,
		opJMP | jmpEQ: vmEqK, opJMP | jmpEQ | srcX: vmEqX, opJMP | jmpGT: vmGtK, opJMP | jmpGT | srcX: vmGtX,
		opJMP | jmpGE: vmGeK, opJMP | jmpGE | srcX: vmGeX, opJMP | jmpSET: vmSetK, opJMP | jmpSET | srcX: vmSetX,
		opALU | aluADD: vmAddK, opALU | aluADD | srcX: vmAddX, opALU | aluSUB: vmSubK, opALU | aluSUB | srcX: vmSubX,
		opALU | aluMUL: vmMulK, opALU | aluMUL | srcX: vmMulX, opALU | aluDIV: vmDivK, opALU | aluDIV | srcX: vmDivX,
		opALU | aluMOD: vmModK, opALU | aluMOD | srcX: vmModX, opALU | aluAND: vmAndK, opALU | aluAND | srcX: vmAndX,
		opALU | aluOR: vmOrK, opALU | aluOR | srcX: vmOrX, opALU | aluXOR: vmXorK, opALU | aluXOR | srcX: vmXorX,
		opALU | aluLSH: vmLshK, opALU | aluLSH | srcX: vmLshX, opALU | aluRSH: vmRshK, opALU | aluRSH | srcX: vmRshX,
	}
})

// newProgram makes a program of instructions that the assembler wrote: all
// jumps stay inside of it and its last instruction returns. The kernel's
// extensions are served where it is live.
func newProgram(ins []bpf.RawInstruction, live bool) *Program {
	p := &Program{ins: ins, code: make([]insn, len(ins))}
	ops := vmOps()
	for i, in := range ins {
		op, ok := ops[in.Op]
		if !ok {
			panic("filter: unknown instruction")
		}
		c := insn{op: op, k: in.K}
		switch {
		case op == vmJa:
			to := i + 1 + int(int32(in.K))
			if to <= i {
				c.op = vmLoop
			}
			c.jt = uint16(to)
		case in.Op&0x07 == opJMP:
			c.jt, c.jf = uint16(i+1+int(in.Jt)), uint16(i+1+int(in.Jf))
		case live && in.K >= linkBase && (op == vmLdW || op == vmLdH || op == vmLdB):
			c.op = vmExt
		case op == vmSt || op == vmStX || op == vmMem || op == vmXMem:
			c.k &= memWords - 1
		}
		p.code[i] = c
	}
	return p
}

// maxLoops bounds protochain's loop: more headers of eight bytes no packet
// holds, but headers can be made that lead in a circle.
const maxLoops = 8192

// Match runs the program over one frame and returns how many of its bytes it
// selects: 0 for none, and perhaps more than there are. It allocates nothing.
//
// For a live program data is what the kernel's program sees of the frame, and
// m tells the rest. For others data is the frame and of m only Length counts;
// a nil m stands for a whole frame.
func (p *Program) Match(data []byte, m *Meta) int {
	var a, x uint32
	var mem [memWords]uint32
	code := p.code
	loops := 0
	for pc := uint(0); pc < uint(len(code)); {
		in := &code[pc]
		pc++
		k := in.k
		switch in.op {
		case vmRet:
			return int(min(k, math.MaxInt32))
		case vmRetA:
			return int(min(a, math.MaxInt32))
		case vmLdXW:
			k += x
			fallthrough
		case vmLdW:
			if uint64(k)+4 > uint64(len(data)) {
				return 0
			}
			a = binary.BigEndian.Uint32(data[k:])
		case vmLdXH:
			k += x
			fallthrough
		case vmLdH:
			if uint64(k)+2 > uint64(len(data)) {
				return 0
			}
			a = uint32(binary.BigEndian.Uint16(data[k:]))
		case vmLdXB:
			k += x
			fallthrough
		case vmLdB:
			if uint64(k) >= uint64(len(data)) {
				return 0
			}
			a = uint32(data[k])
		case vmMsh:
			if uint64(k) >= uint64(len(data)) {
				return 0
			}
			x = uint32(data[k]&0xf) << 2
		case vmExt:
			v, ok := m.extension(k)
			if !ok {
				return 0
			}
			a = v
		case vmLen:
			a = uint32(len(data))
			if m != nil {
				a = uint32(m.Length)
			}
		case vmImm:
			a = k
		case vmXImm:
			x = k
		case vmMem:
			a = mem[k&(memWords-1)]
		case vmXMem:
			x = mem[k&(memWords-1)]
		case vmSt:
			mem[k&(memWords-1)] = a
		case vmStX:
			mem[k&(memWords-1)] = x
		case vmTax:
			x = a
		case vmTxa:
			a = x
		case vmNeg:
			a = -a
		case vmLoop:
			if loops++; loops > maxLoops {
				return 0
			}
			pc = uint(in.jt)
		case vmJa:
			pc = uint(in.jt)
		case vmEqX:
			k = x
			fallthrough
		case vmEqK:
			if a == k {
				pc = uint(in.jt)
			} else {
				pc = uint(in.jf)
			}
		case vmGtX:
			k = x
			fallthrough
		case vmGtK:
			if a > k {
				pc = uint(in.jt)
			} else {
				pc = uint(in.jf)
			}
		case vmGeX:
			k = x
			fallthrough
		case vmGeK:
			if a >= k {
				pc = uint(in.jt)
			} else {
				pc = uint(in.jf)
			}
		case vmSetX:
			k = x
			fallthrough
		case vmSetK:
			if a&k != 0 {
				pc = uint(in.jt)
			} else {
				pc = uint(in.jf)
			}
		case vmAddX:
			a += x
		case vmAddK:
			a += k
		case vmSubX:
			a -= x
		case vmSubK:
			a -= k
		case vmMulX:
			a *= x
		case vmMulK:
			a *= k
		case vmDivX:
			k = x
			fallthrough
		case vmDivK:
			if k == 0 {
				return 0
			}
			a /= k
		case vmModX:
			k = x
			fallthrough
		case vmModK:
			if k == 0 {
				return 0
			}
			a %= k
		case vmAndX:
			a &= x
		case vmAndK:
			a &= k
		case vmOrX:
			a |= x
		case vmOrK:
			a |= k
		case vmXorX:
			a ^= x
		case vmXorK:
			a ^= k
		case vmLshX:
			a <<= x
		case vmLshK:
			a <<= k
		case vmRshX:
			a >>= x
		case vmRshK:
			a >>= k
		}
	}
	return 0
}

// extension is what the kernel knows of the packet, and false for what a Meta
// does not tell.
func (m *Meta) extension(k uint32) (v uint32, ok bool) {
	if m == nil {
		m = &Meta{}
	}
	switch k {
	case extProtocol:
		v = uint32(m.Protocol)
	case extPktType:
		v = uint32(m.PacketType)
	case extIfIndex:
		v = uint32(m.Interface)
	case extHAType:
		v = uint32(m.HardwareType)
	case extVLANTag:
		v = uint32(m.VLANTag)
	case extVLANType:
		v = uint32(m.VLANProto)
	case extVLANHas:
		if m.HasVLAN {
			v = 1
		}
	default:
		return 0, false
	}
	return v, true
}
