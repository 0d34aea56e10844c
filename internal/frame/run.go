package frame

import (
	"encoding/binary"
	"math/bits"
)

// The first byte of a message that is one frame, without reserved bits.
const (
	WholeText   = fin | Text
	WholeBinary = fin | Binary
)

// A Run is what messages add up to that stand behind one another, one frame each
// without reserved bits.
type Run struct {
	Size         int  // bytes of the frames
	Text, Binary int  // messages
	Bytes        int  // of payloads
	Largest      int  // of a payload
	First        byte // of the last frame
	Doubt        int  // bytes of the last frame if it is text of other characters than ASCII
}

// ReadRun reads the messages that b begins with and has at hand whole, up to one that
// is no such, has more than limit bytes, or is in doubt. Of usual
// messages it makes no calls: that takes half of what [Header.Parse] and [ASCII] do
// (BenchmarkReadRun).
func ReadRun(b []byte, limit int) (r Run) {
	o, whole := binary.LittleEndian, len(b)
	for len(b) >= 2 {
		first := b[0]
		if first != WholeText && first != WholeBinary {
			break
		}
		n, header, k := int(b[1]), 2, uint64(0)
		if n >= 0x80 {
			if len(b) < 6 {
				break
			}
			n, header, k = n-0x80, 6, uint64(o.Uint32(b[2:]))
		}
		if n > MaxControl {
			var h Header
			if header = h.Parse(b); header == 0 {
				break
			}
			n, k = int(min(h.Length, 1<<31-1)), uint64(h.Key)
		}
		end := header + n
		if uint(end) > uint(len(b)) || n > limit {
			break
		}
		p := b[header:end:end] // of known capacity: what is cut from it needs no look at that
		b = b[end:]
		r.First = first
		r.Bytes += n
		r.Largest = max(r.Largest, n)
		if first == WholeBinary {
			r.Binary++
			continue
		}
		r.Text++
		k |= k << 32
		all := uint64(0)
		switch {
		case n >= 32: // as in ASCII
			all = or32((*[32]byte)(p[n-32:]), bits.RotateLeft64(k, -8*(n&3)))
			for ; len(p) > 32; p = p[32:] {
				all |= or32((*[32]byte)(p), k)
			}
		case n >= 8:
			all = o.Uint64(p[n-8:]) ^ bits.RotateLeft64(k, -8*(n&3))
			for ; len(p) > 8; p = p[8:] {
				all |= o.Uint64(p) ^ k
			}
		default:
			for _, c := range p {
				all |= uint64(c ^ byte(k))
				k >>= 8
			}
		}
		if all&highBits != 0 {
			r.Doubt = end
			break
		}
	}
	r.Size = whole - len(b)
	return r
}
