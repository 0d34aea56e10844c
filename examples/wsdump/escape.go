package main

import (
	"unicode/utf8"
)

// unsafeByte marks the bytes at which a text may hold something that a
// terminal would obey: C0 controls and DEL, and every lead byte of UTF-8
// under which an unsafe rune lives. Everything else is copied in runs.
var unsafeByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c < 0x20 || c >= 0x7f
	}
	return t
}()

// unsafeRune tells the runes that must not reach a terminal: C0, DEL and C1
// controls, which it obeys; line and paragraph separators; the marks,
// embeddings, overrides and isolates of the bidirectional algorithm, which make
// a line read as something else; and the invisible tags, annotations and byte
// order mark.
func unsafeRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0,
		r == 0x061c, // ALM
		r == 0x180e,
		r >= 0x200b && r <= 0x200f && r != 0x200d && r != 0x200c, // ZWSP, LRM, RLM; joiners are part of words and emoji
		r >= 0x2028 && r <= 0x202e,                               // LS, PS, LRE, RLE, PDF, LRO, RLO
		r >= 0x2060 && r <= 0x206f,
		r == 0xfeff,
		r >= 0xfff9 && r <= 0xfffb,
		r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends s so that it stays on its line and a terminal has
// nothing to obey in it: \n, \r, \t, \x1b, \u202e, and \xff for bytes that are
// not UTF-8. A backslash stays as it is: this form is for eyes, --json is
// exact.
func appendEscaped[T string | []byte](b []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if !unsafeByte[c] {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			r, n = decodeRune(s[i:])
			if !(r == utf8.RuneError && n == 1) && !unsafeRune(r) {
				i += n
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case n == 1: // C0, DEL, or not UTF-8
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		case r > 0xffff:
			b = append(b, `\U000`...)
			b = append(b, hexDigits[r>>16&15])
			b = appendHex4(b, r)
		default:
			b = append(b, `\u`...)
			b = appendHex4(b, r)
		}
		i += n
		start = i
	}
	return append(b, s[start:]...)
}

// decodeRune is utf8.DecodeRune of either form without a conversion.
func decodeRune[T string | []byte](s T) (rune, int) {
	var p [utf8.UTFMax]byte
	return utf8.DecodeRune(p[:copy(p[:], s)])
}

func appendHex4(b []byte, r rune) []byte {
	return append(b, hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
