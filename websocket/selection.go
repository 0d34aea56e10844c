package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Selection says which messages are wanted. A field that is empty wants all,
// and each one that is not narrows. Patterns are in RE2's syntax ([regexp/syntax])
// and match anywhere. Payloads are UTF-8 to them; those that are no text are taken
// as bytes too, so that \xff is both U+00FF and the byte.
type Selection struct {
	Match    []string    // patterns, each of which the payload matches
	NotMatch []string    // patterns, none of which the payload matches
	Only     []string    // kinds: text, binary, close, ping, pong, data (the first two) or control (the last three)
	From     []Direction // sides that send it
	Conns    []uint64    // numbers of connections
	URLs     []string    // patterns, one of which the connection's URL matches
}

// A PatternError is a mistake in a pattern.
type PatternError struct {
	Pattern string
	Offset  int // in bytes, where the mistake begins
	Err     error
}

func (e *PatternError) Error() string {
	what := e.Err
	if wrong := (*syntax.Error)(nil); errors.As(e.Err, &wrong) {
		what = errors.New(string(wrong.Code))
	}
	return fmt.Sprintf("pattern %q: %v, at byte %d: %q", e.Pattern, what, e.Offset, e.Pattern[e.Offset:])
}

func (e *PatternError) Unwrap() error { return e.Err }

// A Selector is a Selection made ready. It may be used from several goroutines at
// once. A nil Selector selects everything.
type Selector struct {
	match, not []pattern
	opcodes    uint16 // a bit for each
	from       [2]bool
	conns      []uint64 // sorted; nil: all
	urls       []pattern
	narrow     bool // not every message of a selected connection is selected
}

// Compile makes s ready, or returns a [*PatternError] or what else is wrong. A
// Selection that wants everything gives nil.
func (s *Selection) Compile() (*Selector, error) {
	c := &Selector{opcodes: 1<<16 - 1, from: [2]bool{true, true}}
	c.narrow = len(s.Match)+len(s.NotMatch)+len(s.Only)+len(s.From) > 0
	if !c.narrow && len(s.Conns)+len(s.URLs) == 0 {
		return nil, nil
	}
	var errs [4]error
	c.match, errs[0] = compile(s.Match)
	c.not, errs[1] = compile(s.NotMatch)
	c.urls, errs[2] = compile(s.URLs)
	if len(s.Only) > 0 {
		c.opcodes, errs[3] = kinds(s.Only)
	}
	if len(s.From) > 0 {
		c.from = [2]bool{}
		for _, dir := range s.From {
			c.from[dir&1] = true
		}
	}
	if len(s.Conns) > 0 {
		c.conns = slices.Sorted(slices.Values(s.Conns))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return c, nil
}

// Message says whether a message is selected, its connection included.
func (s *Selector) Message(m *Message) bool {
	if s == nil {
		return true
	}
	return s.opcodes>>(m.Opcode&15)&1 != 0 && s.from[m.From&1] && s.Conn(m.Conn) && s.payload(m)
}

// Conn says whether a connection's messages may be selected.
func (s *Selector) Conn(c *Conn) bool {
	if s == nil {
		return true
	}
	if s.conns != nil {
		if _, ok := slices.BinarySearch(s.conns, c.Number); !ok {
			return false
		}
	}
	return len(s.urls) == 0 || slices.ContainsFunc(s.urls, func(p pattern) bool { return p.MatchString(c.URL) })
}

// Narrow says whether s selects among the messages of a connection. Otherwise it
// selects connections whole.
func (s *Selector) Narrow() bool { return s != nil && s.narrow }

// Find appends to at the places in b, a payload, that the patterns of Match match:
// begin and end of each, which do not overlap and are sorted.
func (s *Selector) Find(at [][]int, b []byte) [][]int {
	if s == nil {
		return at
	}
	first := len(at)
	for _, p := range s.match {
		at = append(at, p.FindAllIndex(b, -1)...)
	}
	found := at[first:]
	slices.SortFunc(found, func(a, b []int) int { return a[0] - b[0] })
	kept := found[:0]
	for _, f := range found {
		switch last := len(kept) - 1; {
		case f[0] == f[1]: // nothing to be seen
		case last >= 0 && f[0] < kept[last][1]:
			kept[last][1] = max(kept[last][1], f[1])
		default:
			kept = append(kept, f)
		}
	}
	return at[:first+len(kept)]
}

func (s *Selector) payload(m *Message) bool {
	if len(s.match)+len(s.not) == 0 {
		return true
	}
	bytes := asBytes(m)
	defer bytes.free()
	found := func(p *pattern) bool {
		return p.match(m.Payload) || bytes != nil && p.match(bytes.b)
	}
	for i := range s.match {
		if !found(&s.match[i]) {
			return false
		}
	}
	for i := range s.not {
		if found(&s.not[i]) {
			return false
		}
	}
	return true
}

// latin1 is a payload in which each byte is the character of its number.
type latin1 struct{ b []byte }

var latin1s = sync.Pool{New: func() any { return new(latin1) }}

// asBytes returns nil where bytes and characters are the same, or m is text.
func asBytes(m *Message) *latin1 {
	if m.Opcode == Text && !m.Undecoded || !slices.ContainsFunc(m.Payload, func(c byte) bool { return c >= utf8.RuneSelf }) {
		return nil
	}
	l := latin1s.Get().(*latin1)
	l.b = l.b[:0]
	for _, c := range m.Payload {
		l.b = utf8.AppendRune(l.b, rune(c))
	}
	return l
}

func (l *latin1) free() {
	if l != nil {
		latin1s.Put(l)
	}
}

// kinds returns the opcodes that words stand for.
func kinds(words []string) (set uint16, err error) {
	for _, w := range words {
		switch w {
		case "text":
			set |= 1 << Text
		case "binary":
			set |= 1 << Binary
		case "close":
			set |= 1 << Close
		case "ping":
			set |= 1 << Ping
		case "pong":
			set |= 1 << Pong
		case "data":
			set |= 1<<Text | 1<<Binary
		case "control":
			set |= 1<<Close | 1<<Ping | 1<<Pong
		default:
			return 0, fmt.Errorf("kind %q of message: must be text, binary, close, ping, pong, data or control", w)
		}
	}
	return set, nil
}

// A pattern is a regular expression with what every match begins with: most
// payloads do not hold it, and looking for bytes is quicker by far.
type pattern struct {
	*regexp.Regexp
	prefix []byte
	whole  bool // prefix is all of it
}

func (p *pattern) match(b []byte) bool {
	if len(p.prefix) > 0 {
		if at := bytes.Index(b, p.prefix); at < 0 || p.whole {
			return at >= 0
		}
	}
	return p.Match(b)
}

func compile(exprs []string) ([]pattern, error) {
	var list []pattern
	for _, expr := range exprs {
		re, err := regexp.Compile(expr)
		if wrong := (*syntax.Error)(nil); errors.As(err, &wrong) {
			return nil, &PatternError{expr, mistakeAt(expr, wrong), err}
		}
		if err != nil {
			return nil, &PatternError{expr, 0, err}
		}
		prefix, whole := re.LiteralPrefix()
		list = append(list, pattern{re, []byte(prefix), whole})
	}
	return list, nil
}

// mistakeAt returns where in expr the part stands that a syntax error quotes.
func mistakeAt(expr string, err *syntax.Error) int {
	return max(0, strings.LastIndex(expr, err.Expr))
}
