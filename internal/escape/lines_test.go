package escape

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// longest keeps what is written and the length of the longest piece.
type longest struct {
	bytes.Buffer
	n int
}

func (l *longest) Write(b []byte) (int, error) {
	l.n = max(l.n, len(b))
	return l.Buffer.Write(b)
}

// TestLongLines: pieces give the same line as the whole, and none is long,
// however much escapes make of the bytes.
func TestLongLines(t *testing.T) {
	mixed := strings.Repeat("所有人 \x1b[31m\"a\\b\"\u202e\U0001f30d", 20000) // cut at every place in a character
	for name, s := range map[string]string{
		"short":   "hi",
		"mixed":   mixed,
		"invalid": mixed + strings.Repeat("\xf0\x9f\x8c\x80\x80\x80\xff\xed\xa0", 20000),
		"control": strings.Repeat("\x01", 1<<20),
	} {
		for form, f := range map[string]struct {
			pieces func(l *Lines, b, s []byte) []byte
			want   string
		}{
			"text":   {(*Lines).Text, String(s)},
			"JSON":   {(*Lines).JSON, string(AppendJSON(nil, s))},
			"base64": {(*Lines).Base64, base64.StdEncoding.EncodeToString([]byte(s))},
		} {
			var out longest
			l := Lines{W: &out}
			if err := l.Write(f.pieces(&l, []byte("> "), []byte(s))); err != nil {
				t.Error(err)
			}
			if out.String() != "> "+f.want {
				t.Errorf("%s as %s: %d bytes differ from %d", name, form, out.Len(), len(f.want)+2)
			}
			if out.n > 7*longLine {
				t.Errorf("%s as %s: a piece of %d bytes", name, form, out.n)
			}
		}
	}
}

// broken fails at the second Write.
type broken struct{ writes int }

var errBroken = errors.New("broken")

func (w *broken) Write(b []byte) (int, error) {
	if w.writes++; w.writes == 2 {
		return 0, errBroken
	}
	return len(b), nil
}

// TestLinesError: nothing is written behind half a line.
func TestLinesError(t *testing.T) {
	w := new(broken)
	l := Lines{W: w}
	b := l.Text(nil, make([]byte, 10*longLine))
	if err := l.Write(b); err != errBroken || w.writes != 2 {
		t.Errorf("%v after %d writes", err, w.writes)
	}
	if err := l.Write([]byte("next\n")); err != errBroken || w.writes != 2 {
		t.Errorf("then %v after %d writes", err, w.writes)
	}
}
