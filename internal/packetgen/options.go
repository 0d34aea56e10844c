package packetgen

import "encoding/binary"

// The functions below return single TCP options; Options joins them.

// Options joins options; the builders pad the sum.
func Options(opts ...[]byte) []byte {
	var b []byte
	for _, o := range opts {
		b = append(b, o...)
	}
	return b
}

// Option returns any option in the kind-length-data form.
func Option(kind uint8, data ...byte) []byte {
	return append([]byte{kind, byte(2 + len(data))}, data...)
}

// NOP is the one-byte filler (RFC 9293, section 3.2).
func NOP() []byte { return []byte{1} }

// MSS is the maximum segment size (RFC 9293, section 3.2).
func MSS(n uint16) []byte { return binary.BigEndian.AppendUint16([]byte{2, 4}, n) }

// WindowScale is the window scale (RFC 7323, section 2).
func WindowScale(shift uint8) []byte { return []byte{3, 3, shift} }

// SACKPermitted allows SACK (RFC 2018, section 2).
func SACKPermitted() []byte { return []byte{4, 2} }

// SACK takes pairs of left and right edges (RFC 2018, section 3).
func SACK(edges ...uint32) []byte {
	b := []byte{5, byte(2 + 4*len(edges))}
	for _, e := range edges {
		b = binary.BigEndian.AppendUint32(b, e)
	}
	return b
}

// Timestamps is the timestamps option (RFC 7323, section 3).
func Timestamps(value, echo uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte{8, 10}, value)
	return binary.BigEndian.AppendUint32(b, echo)
}
