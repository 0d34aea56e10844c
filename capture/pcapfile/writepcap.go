package pcapfile

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// A pcapEncoder writes little-endian pcap.
type pcapEncoder struct {
	link decode.LinkType
	unit int // nanoseconds of a timestamp's fraction
}

func newPcapEncoder(b []byte, link decode.LinkType, cfg *WriterConfig) (encoder, []byte) {
	e := &pcapEncoder{link: link, unit: 1}
	magic, snaplen := uint32(magicNano), uint32(capture.DefaultSnapLen)
	if cfg.Microseconds {
		magic, e.unit = magicMicro, 1000
	}
	if cfg.SnapLen > 0 {
		snaplen = uint32(cfg.SnapLen)
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, magic)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, snaplen)
	return e, le.AppendUint32(b, uint32(link))
}

func (e *pcapEncoder) frame(b []byte, f *capture.Frame, _ *FrameInfo) ([]byte, error) {
	if f.Link != e.link {
		return nil, fmt.Errorf("pcapfile: a frame of type %v in a pcap file of type %v; pcapng can hold both", f.Link, e.link)
	}
	sec, frac := f.Time.Unix(), f.Time.Nanosecond()/e.unit
	if sec < 0 || sec > math.MaxUint32 {
		sec, frac = 0, 0 // no time, as that of simple pcapng packets
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(sec))
	b = le.AppendUint32(b, uint32(frac))
	b = le.AppendUint32(b, uint32(len(f.Data)))
	b = le.AppendUint32(b, uint32(max(f.Length, len(f.Data))))
	return append(b, f.Data...), nil
}

func (e *pcapEncoder) end(b []byte) []byte { return b }

func (e *pcapEncoder) whole(b []byte) (n int, frames uint64) {
	for len(b)-n >= 16 {
		next := n + 16 + int(binary.LittleEndian.Uint32(b[n+8:]))
		if next > len(b) {
			break
		}
		n, frames = next, frames+1
	}
	return n, frames
}
