package pcapfile

import (
	"encoding/binary"
	"iter"

	"github.com/wstap/wstap/capture"
)

// Option codes of draft-ietf-opsawg-pcapng; their meaning depends on the block.
const (
	optEnd     = 0
	optComment = 1 // every block

	optSectionHardware    = 2
	optSectionOS          = 3
	optSectionApplication = 4

	optIfName        = 2
	optIfDescription = 3
	optIfTsResol     = 9
	optIfFilter      = 11
	optIfOS          = 12
	optIfTsOffset    = 14
	optIfHardware    = 15

	optFlags     = 2
	optDropCount = 4

	optIfReceived   = 4
	optIfDropped    = 5
	optFilterAccept = 6
	optOSDropped    = 7
	optDelivered    = 8
)

// options yields the codes and values of a list: code(2) length(2) value,
// padded to 4 bytes. It ends at the first that does not fit.
func options(o binary.ByteOrder, b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, n := o.Uint16(b), int(o.Uint16(b[2:]))
			if code == optEnd || n > len(b)-4 {
				return
			}
			if !yield(code, b[4:4+n]) {
				return
			}
			b = b[min(4+(n+3)&^3, len(b)):]
		}
	}
}

// Bits of the flags option of a packet.
const (
	flagInbound     = 1
	flagOutbound    = 2
	flagPromiscuous = 4 << 2 // reception type
)

func flagsDirection(flags uint32) capture.Direction {
	switch {
	case flags&3 == flagOutbound:
		return capture.Outgoing
	case flags&0x1c == flagPromiscuous:
		return capture.Passing
	case flags&3 == flagInbound:
		return capture.Incoming
	}
	return capture.DirectionUnknown
}

func directionFlags(d capture.Direction) uint32 {
	switch d {
	case capture.Incoming:
		return flagInbound
	case capture.Outgoing:
		return flagOutbound
	case capture.Passing:
		return flagInbound | flagPromiscuous
	}
	return 0
}
