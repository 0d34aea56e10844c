package filter

// The opcodes of classic BPF (linux/filter.h), class first.
const (
	opLD   = 0x00
	opLDX  = 0x01
	opST   = 0x02
	opSTX  = 0x03
	opALU  = 0x04
	opJMP  = 0x05
	opRET  = 0x06
	opMISC = 0x07

	sizeW = 0x00
	sizeH = 0x08
	sizeB = 0x10

	modeIMM = 0x00
	modeABS = 0x20
	modeIND = 0x40
	modeMEM = 0x60
	modeLEN = 0x80
	modeMSH = 0xa0

	aluADD = 0x00
	aluSUB = 0x10
	aluMUL = 0x20
	aluDIV = 0x30
	aluOR  = 0x40
	aluAND = 0x50
	aluLSH = 0x60
	aluRSH = 0x70
	aluNEG = 0x80
	aluMOD = 0x90
	aluXOR = 0xa0

	jmpJA  = 0x00
	jmpEQ  = 0x10
	jmpGT  = 0x20
	jmpGE  = 0x30
	jmpSET = 0x40

	srcK = 0x00
	srcX = 0x08

	retA = 0x10

	ldImm  = opLD | modeIMM
	ldLen  = opLD | modeLEN
	ldMem  = opLD | modeMEM
	ldxImm = opLDX | modeIMM
	ldxMem = opLDX | modeMEM
	ldxMsh = opLDX | modeMSH | sizeB
	tax    = opMISC
	txa    = opMISC | 0x80
	neg    = opALU | aluNEG
	ja     = opJMP | jmpJA
	retK   = opRET
)

func modeOf(code uint16) uint16 { return code & 0xe0 }
func sizeOf(code uint16) uint16 { return code & 0x18 }
func opOf(code uint16) uint16   { return code & 0xf0 }
func srcOf(code uint16) uint16  { return code & 0x08 }

// bytesOf is how many bytes a load of this code takes.
func bytesOf(code uint16) uint32 {
	switch sizeOf(code) {
	case sizeB:
		return 1
	case sizeH:
		return 2
	}
	return 4
}

// While a program is built its codes have two more bits.
const (
	// ldExt loads what the kernel knows of the packet, where an ordinary load
	// from so large an offset would be out of bounds.
	ldExt = 0x100 | opLD | modeABS | sizeW
	// ldTagType is ldExt of what is known to be the type of a VLAN tag.
	ldTagType = 0x200 | ldExt

	codeMask = 0xff
	sizeMask = 0x18
)

// The kernel's extensions (linux/filter.h): loads from these offsets read what
// the kernel knows of the packet.
const (
	extBase     = 0xfffff000 // SKF_AD_OFF
	extProtocol = extBase + 0
	extPktType  = extBase + 4
	extIfIndex  = extBase + 8
	extHAType   = extBase + 28
	extVLANTag  = extBase + 44
	extVLANHas  = extBase + 48
	extVLANType = extBase + 60

	// linkBase makes an offset relative to the link header, which a datagram
	// socket does not otherwise see (SKF_LL_OFF).
	linkBase = 0xffe00000

	// outOfBounds is behind every packet's end.
	outOfBounds = 0x7fffffff
)

// memWords is the number of scratch registers.
const memWords = 16
