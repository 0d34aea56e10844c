package escape

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestAppend(t *testing.T) {
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
		if got := string(Append([]byte(">"), in)); got != ">"+want {
			t.Errorf("%q: got %q, want %q", in, got, ">"+want)
		}
		if got := string(AppendBytes(nil, []byte(in))); got != want {
			t.Errorf("bytes %q: got %q, want %q", in, got, want)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	for in, want := range map[string]string{
		"":                  `""`,
		`a "b" \c`:          `"a \"b\" \\c"`,
		"</script>":         `"</script>"`,
		"a\r\nb\tc\x00\x1b": `"a\r\nb\tc\u0000\u001b"`,
		"\x7f\u009b":        `"\u007f\u009b"`,
		"所有人 \U0001f30d":    `"所有人 🌍"`,
		"\u202e\u2028":      `"\u202e\u2028"`,
		"\U000e0041":        `"\udb40\udc41"`,
		"\xff\xed\xa0\x80":  `"\ufffd\ufffd\ufffd\ufffd"`,
		"\ufffd":            "\"\ufffd\"", // one that was sent
	} {
		if got := string(AppendJSON([]byte(">"), in)); got != ">"+want {
			t.Errorf("%q: got %s, want %s", in, got, ">"+want)
		}
	}
}

// harmless returns the first thing in s that a terminal would obey. It goes by
// package unicode instead of Unsafe.
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

// lines takes away what a message may have.
var lines = strings.NewReplacer("\n", "", "\t", "")

// check holds every form of in against what it promises.
func check(t *testing.T, in string) {
	t.Helper()
	var terminal strings.Builder
	if n, err := (Writer{&terminal}).Write([]byte("." + in)); n != len(in)+1 || err != nil {
		t.Errorf("%q: %d, %v", in, n, err)
	}
	js := AppendJSON(nil, in)
	for form, out := range map[string]string{
		"text": String(in), "JSON": string(js), "a message": lines.Replace(terminal.String()),
	} {
		if r, ok := harmless(out); !ok {
			t.Errorf("%q lets %q through as %s", in, r, form)
		}
	}
	var back string
	if err := json.Unmarshal(js, &back); err != nil {
		t.Errorf("%q: %q: %v", in, js, err)
	} else if utf8.ValidString(in) && back != in {
		t.Errorf("%q comes back as %q", in, back)
	}
}

// TestHarmless tries every byte and every rune that may be unsafe, with -short
// without those that are not assigned.
func TestHarmless(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		suspect := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || !testing.Short() && !unicode.IsPrint(r)
		if utf8.ValidRune(r) && (suspect || r%97 == 0) {
			check(t, "a"+string(r)+"b")
			if r < 0x3000 { // behind a word, and before another one
				check(t, "more than a word: "+string(r)+string(r)+" and so on and on")
			}
		}
	}
	for b := range 256 {
		for at := range 9 { // in a word, and in what is left behind it
			word := []byte("12345678, a, b")
			word[at] = byte(b)
			check(t, string(word))
			check(t, string(append(word, word...)))
			check(t, strings.Repeat(string(word[at:]), 20)) // more escapes than there was room for
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add([]byte("{\"more than\": \"a word\", \"你好\": \"世界\"}"))
	f.Add([]byte("\x1b]0;title\x07"))                 // a terminal's title
	f.Add([]byte("\xc2\x9b31m"))                      // CSI as C1 in UTF-8
	f.Add([]byte("\"\\\u202e\U0001f30d\xed\xa0\x80")) // quotes, an override, a surrogate in UTF-8
	f.Fuzz(func(t *testing.T, in []byte) { check(t, string(in)) })
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"abc", 0, ""},
		{"a你好", 4, "a你"}, {"a你好", 3, "a"}, {"你", 2, ""},
		{"a🌍", 4, "a"},
		{"\x80\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80\x80"},
	} {
		if got := string(Cut([]byte(tt.in), tt.n)); got != tt.want {
			t.Errorf("%q at %d: %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestWriter(t *testing.T) {
	for in, want := range map[string]string{
		"plain: 你好\n\ttab\n":    "plain: 你好\n\ttab\n",
		"\r\n12 packets":        "\r\n12 packets",
		"a\rb\x1b[2J\x9b\u202e": "a?b?[2J??",
	} {
		var out strings.Builder
		if n, err := (Writer{&out}).Write([]byte(in)); n != len(in) || err != nil || out.String() != want {
			t.Errorf("%q: %q, want %q; %d, %v", in, out.String(), want, n, err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	for name, s := range map[string]string{
		"chat":    `{"type":"say","to_client_id":"all","to_client_name":"所有人","content":"hi, all !"}`,
		"ASCII":   strings.Repeat("the quick brown fox ", 200),
		"Chinese": strings.Repeat("你好，世界", 200),
	} {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 0, 2*len(s))
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				buf = AppendJSON(buf[:0], s)
			}
		})
	}
}
