package cli

import "strconv"

// HexRow is the number of bytes in a row of a hexadecimal dump.
const HexRow = 16

const hexDigits = "0123456789abcdef"

// AppendHexRow appends a row as tcpdump's -x prints it: the address, which has
// four digits or more, and the bytes in pairs. Where show is not nil it appends
// the bytes as text too, as -X does, with a dot for each that show refuses.
func AppendHexRow(b []byte, address int, row []byte, show func(byte) bool) []byte {
	b = append(b, '0', 'x')
	if high := address >> 16; high > 0 { // longer than an IP packet
		b = strconv.AppendInt(b, int64(high), 16)
	}
	for shift := 12; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[address>>shift&15])
	}
	b = append(b, ": "...)
	for i, c := range row {
		if i%2 == 0 {
			b = append(b, ' ')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	if show == nil {
		return b
	}
	for i := len(row); i < HexRow; i++ {
		b = append(b, "   "[:2+(i+1)%2]...)
	}
	b = append(b, "  "...)
	for _, c := range row {
		if !show(c) {
			c = '.'
		}
		b = append(b, c)
	}
	return b
}

// Graphic reports whether c is an ASCII character that leaves ink.
func Graphic(c byte) bool { return c > ' ' && c < 0x7f }

// Printable reports whether c is Graphic or a space.
func Printable(c byte) bool { return c >= ' ' && c < 0x7f }
