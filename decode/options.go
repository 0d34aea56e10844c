package decode

import "encoding/binary"

// Kinds of TCP options
// (https://www.iana.org/assignments/tcp-parameters).
const (
	OptionEnd           = 0 // RFC 9293, section 3.2
	OptionNOP           = 1
	OptionMSS           = 2
	OptionWindowScale   = 3 // RFC 7323, section 2
	OptionSACKPermitted = 4 // RFC 2018
	OptionSACK          = 5
	OptionTimestamps    = 8 // RFC 7323, section 3
)

// Options are the options of a TCP or IPv4 header: kind, length, data, but for
// the kinds 0 and 1, which are one byte.
type Options []byte

// An Option is one of them.
type Option struct {
	Kind uint8
	Data []byte // without kind and length; borrowed
}

// Next takes the first option off o. It returns false at the end. What is left
// in o then is not readable as options; after an end-of-list option nothing is
// left, whatever followed it.
//
//	for o := p.Options; ; {
//		opt, ok := o.Next()
//		if !ok { break }
//		...
//	}
func (o *Options) Next() (Option, bool) {
	b := *o
	if len(b) == 0 {
		return Option{}, false
	}
	switch b[0] {
	case OptionEnd:
		*o = nil
		return Option{}, false
	case OptionNOP:
		*o = b[1:]
		return Option{Kind: OptionNOP}, true
	}
	if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
		return Option{}, false
	}
	n := int(b[1])
	*o = b[n:]
	return Option{Kind: b[0], Data: b[2:n]}, true
}

// Find returns the data of the first option of a kind. It is asked of every SYN and
// does not make an Option of each that it passes.
func (o Options) Find(kind uint8) (data []byte, ok bool) {
	for len(o) > 0 && o[0] != OptionEnd {
		n := 1
		if o[0] != OptionNOP {
			if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
				break
			}
			n = int(o[1])
		}
		if o[0] == kind {
			return o[min(2, n):n], true
		}
		o = o[n:]
	}
	return nil, false
}

// MSS returns the maximum segment size of a SYN, in bytes.
func (o Options) MSS() (uint16, bool) {
	b, ok := o.Find(OptionMSS)
	if !ok || len(b) != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(b), true
}

// WindowScale returns the shift count of a SYN, at most 14.
func (o Options) WindowScale() (uint8, bool) {
	b, ok := o.Find(OptionWindowScale)
	if !ok || len(b) != 1 {
		return 0, false
	}
	return min(b[0], 14), true // RFC 7323, section 2.3
}

// Timestamps returns the sender's clock and what it echoes.
func (o Options) Timestamps() (value, echo uint32, ok bool) {
	b, ok := o.Find(OptionTimestamps)
	if !ok || len(b) != 8 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), true
}

// SACK returns the i-th block of a selective acknowledgment, its first sequence
// number and the one after its last; false where there is none.
func (o Options) SACK(i int) (left, right uint32, ok bool) {
	b, ok := o.Find(OptionSACK)
	if !ok || i < 0 || len(b)/8 <= i {
		return 0, 0, false
	}
	b = b[8*i:]
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), true
}
