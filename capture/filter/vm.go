package filter

import "encoding/binary"

// Match runs the program over one frame and returns how many of its bytes it
// selects: 0 for none. It allocates nothing. m may be nil where the program is
// for files; then the frame counts as whole.
func (p *Program) Match(data []byte, m *Meta) int {
	var a, x uint32
	var mem [memWords]uint32
	length := uint32(len(data))
	if m != nil && m.Length > 0 {
		length = uint32(m.Length)
	}
	ins := p.ins
	for pc := 0; pc < len(ins); pc++ {
		in := &ins[pc]
		k := in.K
		switch in.Op {
		case opLD | modeABS | sizeW, opLD | modeIND | sizeW:
			if in.Op == opLD|modeIND|sizeW {
				k += x
			} else if k >= extBase {
				a = extension(k, m)
				continue
			}
			if uint64(k)+4 > uint64(len(data)) {
				return 0
			}
			a = binary.BigEndian.Uint32(data[k:])
		case opLD | modeABS | sizeH, opLD | modeIND | sizeH:
			if in.Op == opLD|modeIND|sizeH {
				k += x
			} else if k >= extBase {
				a = extension(k, m)
				continue
			}
			if uint64(k)+2 > uint64(len(data)) {
				return 0
			}
			a = uint32(binary.BigEndian.Uint16(data[k:]))
		case opLD | modeABS | sizeB, opLD | modeIND | sizeB:
			if in.Op == opLD|modeIND|sizeB {
				k += x
			} else if k >= extBase {
				a = extension(k, m)
				continue
			}
			if uint64(k) >= uint64(len(data)) {
				return 0
			}
			a = uint32(data[k])
		case ldxMsh:
			if uint64(k) >= uint64(len(data)) {
				return 0
			}
			x = uint32(data[k]&0xf) << 2
		case ldImm:
			a = k
		case ldLen:
			a = length
		case ldMem:
			a = mem[k&15]
		case ldxImm:
			x = k
		case ldxMem:
			x = mem[k&15]
		case opST:
			mem[k&15] = a
		case opSTX:
			mem[k&15] = x
		case tax:
			x = a
		case txa:
			a = x
		case neg:
			a = -a
		case ja:
			pc += int(int32(k))
		case retK:
			return int(k)
		default:
			v := k
			if in.Op&srcX != 0 {
				v = x
			}
			if in.Op&7 == opALU {
				switch in.Op & 0xf0 {
				case aluADD:
					a += v
				case aluSUB:
					a -= v
				case aluMUL:
					a *= v
				case aluDIV:
					if v == 0 {
						return 0
					}
					a /= v
				case aluMOD:
					if v == 0 {
						return 0
					}
					a %= v
				case aluAND:
					a &= v
				case aluOR:
					a |= v
				case aluXOR:
					a ^= v
				case aluLSH:
					a <<= v
				case aluRSH:
					a >>= v
				}
				continue
			}
			var yes bool
			switch in.Op & 0xf0 {
			case jmpEQ:
				yes = a == v
			case jmpGT:
				yes = a > v
			case jmpGE:
				yes = a >= v
			case jmpSET:
				yes = a&v != 0
			}
			if yes {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		}
	}
	return 0
}

// extension is what the kernel knows of the packet.
func extension(k uint32, m *Meta) uint32 {
	if m == nil {
		return 0
	}
	switch k {
	case extProtocol:
		return uint32(m.Protocol)
	case extPktType:
		return uint32(m.PacketType)
	case extIfIndex:
		return uint32(m.Interface)
	case extVLANTag:
		return uint32(m.VLANTag)
	case extVLANType:
		return uint32(m.VLANProto)
	case extVLANHas:
		if m.HasVLAN {
			return 1
		}
	}
	return 0
}
