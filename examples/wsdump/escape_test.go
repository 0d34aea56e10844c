package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestAppendEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"hi, all !":                "hi, all !",
		"你好 🌍":                     "你好 🌍",
		"👩‍👩‍👧 é ñ":                "👩‍👩‍👧 é ñ", // joiners are part of the picture
		"a\r\nb\tc":                `a\r\nb\tc`,
		"\x1b[31mred\x1b[0m":       `\x1b[31mred\x1b[0m`,
		"\x00\x07\x7f":             `\x00\x07\x7f`,
		"\u0085\u009b2J":           `\u0085\u009b2J`, // NEL and CSI in one rune
		"\x9b2J":                   `\x9b2J`,         // CSI of an eight-bit terminal
		"\xc2":                     `\xc2`,
		"abc\u202edef\u2066x":      `abc\u202edef\u2066x`,
		"\u2028\ufeff\u200b\u061c": `\u2028\ufeff\u200b\u061c`,
		"\U000e0041":               `\U000e0041`,
		`C:\path "quoted"`:         `C:\path "quoted"`,
		"\xf0\x9f\x8c":             `\xf0\x9f\x8c`,
	} {
		if got := string(appendEscaped([]byte(">"), in)); got != ">"+want {
			t.Errorf("%q: got %q, want %q", in, got, ">"+want)
		}
		if got := string(appendEscaped(nil, []byte(in))); got != want {
			t.Errorf("bytes %q: got %q, want %q", in, got, want)
		}
	}
}

// harmless reports the first thing in s that a terminal would obey.
func harmless(s string) (rune, bool) {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return r, false
			}
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return r, false
		}
	}
	return 0, true
}

// TestHarmless tries every rune and byte there is.
func TestHarmless(t *testing.T) {
	check := func(in string) {
		t.Helper()
		if r, ok := harmless(string(appendEscaped(nil, in))); !ok {
			t.Errorf("%q lets %q through as text", in, r)
		}
		js := appendJSONString(nil, in)
		if r, ok := harmless(string(js)); !ok {
			t.Errorf("%q lets %q through as JSON", in, r)
		}
		var back string
		if err := json.Unmarshal(js, &back); err != nil {
			t.Errorf("%q: %q: %v", in, js, err)
		} else if utf8.ValidString(in) && back != in {
			t.Errorf("%q comes back as %q", in, back)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) && (unicode.IsControl(r) || !unicode.IsPrint(r) || r%97 == 0) {
			check("a" + string(r) + "b")
		}
	}
	for b := range 256 {
		check(string([]byte{'a', byte(b), 'b'}))
	}
}

func FuzzStrings(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add([]byte("\x1b]0;title\x07"))                 // a terminal's title
	f.Add([]byte("\xc2\x9b31m"))                      // CSI as C1 in UTF-8
	f.Add([]byte("\"\\\u202e\U0001f30d\xed\xa0\x80")) // quotes, an override, a surrogate in UTF-8
	f.Fuzz(func(t *testing.T, in []byte) {
		if r, ok := harmless(string(appendEscaped(nil, in))); !ok {
			t.Errorf("%q lets %q through as text", in, r)
		}
		js := appendJSONString(nil, in)
		if r, ok := harmless(string(js)); !ok {
			t.Errorf("%q lets %q through as JSON", in, r)
		}
		var back string
		if err := json.Unmarshal(js, &back); err != nil {
			t.Fatalf("%q: %q: %v", in, js, err)
		}
		if want := strings.ToValidUTF8(string(in), "\ufffd"); utf8.Valid(in) && back != want {
			t.Errorf("%q comes back as %q", in, back)
		}
	})
}
