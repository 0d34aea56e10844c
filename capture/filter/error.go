package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Error says what is wrong with a filter expression, and where.
type Error struct {
	Expr   string // the expression as given
	Offset int    // byte offset in Expr of the offending token; len(Expr) at its end
	Len    int    // bytes of the offending token; 0 at the end
	Msg    string // what is wrong, in one line
}

// Error returns one line that names the problem and the token.
func (e *Error) Error() string {
	tok := e.token()
	switch {
	case e.Len == 0 && e.Offset >= len(e.Expr) && strings.TrimSpace(e.Expr) != "":
		return "filter: " + e.Msg + " (at the end of the expression)"
	case tok == "" || strings.Contains(e.Msg, tok):
		return fmt.Sprintf("filter: %s (column %d)", e.Msg, e.Offset+1)
	}
	return fmt.Sprintf("filter: %s (at %q, column %d)", e.Msg, tok, e.Offset+1)
}

// Point returns two lines for a terminal: the expression, and carets under the
// offending token. What leaves no ink in the expression is shown as '?'.
func (e *Error) Point() string {
	at := min(max(e.Offset, 0), len(e.Expr))
	before, token, after := clean(e.Expr[:at]), clean(e.token()), clean(e.Expr[at+len(e.token()):])
	return before + token + after + "\n" + strings.Repeat(" ", utf8.RuneCountInString(before)) +
		strings.Repeat("^", max(utf8.RuneCountInString(token), 1))
}

// clean replaces each byte that is not UTF-8 and each rune that is not shown.
func clean(s string) string {
	b := make([]rune, 0, len(s))
	for _, r := range s { // each bad byte is a RuneError
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		b = append(b, r)
	}
	return string(b)
}

func (e *Error) token() string {
	if e.Offset < 0 || e.Offset+e.Len > len(e.Expr) {
		return ""
	}
	return e.Expr[e.Offset : e.Offset+e.Len]
}

// everywhere is the span of an error that concerns the whole expression.
var everywhere = span{0, -1}

// fail unwinds the compiler with an Error; Compile catches it. It never
// crosses the package's boundary.
func fail(at span, format string, args ...any) {
	panic(&Error{Offset: at.off, Len: at.len, Msg: fmt.Sprintf(format, args...)})
}
