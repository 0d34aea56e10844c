package frame

import "unicode/utf8"

// A UTF8 checks text that comes in pieces (RFC 6455, section 8.1), while
// each piece is in the cache. A character may lie across pieces.
type UTF8 struct {
	bad  bool
	lost bool // bytes before the next piece were lost
	n    uint8
	rest [utf8.UTFMax]byte // the n bytes of an unfinished character
}

// Write checks the next piece.
func (u *UTF8) Write(b []byte) {
	if u.lost { // the rest of a character whose beginning was lost
		for i := 0; i < utf8.UTFMax-1 && len(b) > 0 && !utf8.RuneStart(b[0]); i++ {
			b = b[1:]
		}
		if len(b) == 0 {
			return
		}
		u.lost = false
	}
	for u.n > 0 && len(b) > 0 {
		u.rest[u.n] = b[0]
		b = b[1:]
		u.n++
		if utf8.FullRune(u.rest[:u.n]) {
			u.bad = u.bad || !utf8.Valid(u.rest[:u.n])
			u.n = 0
		}
	}
	end := len(b)
	for i := end - 1; i >= max(0, end-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				u.n = uint8(copy(u.rest[:], b[i:]))
				end = i
			}
			break
		}
	}
	u.bad = u.bad || !utf8.Valid(b[:end])
}

// Gap says that bytes are lost here: what was unfinished stays unjudged.
func (u *UTF8) Gap() { u.n, u.lost = 0, true }

// Invalid says whether the text is not UTF-8. The end of a truncated text is not
// judged.
func (u *UTF8) Invalid(truncated bool) bool { return u.bad || u.n > 0 && !truncated }
