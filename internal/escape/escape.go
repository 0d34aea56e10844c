// Package escape writes what peers sent so that it can do no harm where it is
// read: as text for a terminal ([Append]), or as JSON, which often ends on one
// too ([AppendJSON]). Both rest on one set of dangerous characters, [Unsafe].
// [Lines] writes lines of any length in bounded memory.
package escape

import "unicode/utf8"

// Unsafe reports whether r must not reach a terminal. These are C0, DEL and C1
// controls, which it obeys; line and paragraph separators; the marks,
// embeddings, overrides and isolates of the bidirectional algorithm, which make
// a line read as something else; and the invisible tags, annotations and byte
// order mark.
func Unsafe(r rune) bool {
	switch {
	case r >= 0x2070 && r < 0xfeff: // most of what people write but for Latin letters
		return false
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

// A form is one of the two ways to write an unsafe character.
type form struct {
	plain [256]bool // bytes that stand for themselves whatever follows
	json  bool
}

func newForm(json bool) *form {
	f := &form{json: json}
	for c := 0x20; c < 0x7f; c++ {
		f.plain[c] = !json || c != '"' && c != '\\'
	}
	return f
}

var forText, forJSON = newForm(false), newForm(true)

// Append appends s so that it stays on its line and a terminal has nothing to
// obey in it: \n, \r, \t, \x1b, \u202e, and \xff for a byte that is not UTF-8.
// A backslash stays as it is: this form is for eyes and cannot be read back.
func Append(b []byte, s string) []byte { return forText.append(b, []byte(s)) }

// AppendBytes is [Append] for a slice, which it only reads.
func AppendBytes(b, s []byte) []byte { return forText.append(b, s) }

// String is [Append] to nothing, for messages to the user.
func String(s string) string { return string(Append(nil, s)) }

// AppendJSON appends s as a JSON string (RFC 8259, section 7), quotes included.
// Unsafe characters are written as escapes, which read back as themselves. Each
// byte that is not UTF-8 becomes U+FFFD.
func AppendJSON(b []byte, s string) []byte {
	return append(forJSON.append(append(b, '"'), []byte(s)), '"')
}

// append copies in runs what is harmless.
func (f *form) append(b, s []byte) []byte {
	for {
		if b, s = f.harmless(b, s); len(s) == 0 {
			return b
		}
		c := s[0]
		switch {
		case c == '"' || c == '\\': // in JSON only, for text they are plain
			b = append(b, '\\', c)
			s = s[1:]
		case c < utf8.RuneSelf:
			b = f.escape(b, rune(c), c, 1)
			s = s[1:]
		default:
			if n := letters(s); n > 0 {
				b = append(b, s[:n]...)
				s = s[n:]
				continue
			}
			r, n := utf8.DecodeRune(s)
			b = f.escape(b, r, c, n)
			s = s[n:]
		}
	}
}

// escape appends the rune r that has n bytes, the first of them c.
func (f *form) escape(b []byte, r rune, c byte, n int) []byte {
	switch {
	case r == '\n':
		return append(b, '\\', 'n')
	case r == '\r':
		return append(b, '\\', 'r')
	case r == '\t':
		return append(b, '\\', 't')
	case r > 0xffff && f.json: // a pair of surrogates
		r -= 0x10000
		return appendU(appendU(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
	case r > 0xffff:
		b = append(b, '\\', 'U', '0', '0', '0', hexDigits[r>>16&15])
		return appendHex4(b, r)
	case n == 1 && !f.json: // C0, DEL, or not UTF-8
		return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
	}
	return appendU(b, r)
}

const hexDigits = "0123456789abcdef"

func appendU(b []byte, r rune) []byte { return appendHex4(append(b, '\\', 'u'), r) }

func appendHex4(b []byte, r rune) []byte {
	return append(b, hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// Cut returns at most n bytes of the beginning of s. It does not divide a
// character.
func Cut(s []byte, n int) []byte {
	if len(s) <= n {
		return s
	}
	for i := n; i > n-utf8.UTFMax && i >= 0; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n] // not UTF-8
}
