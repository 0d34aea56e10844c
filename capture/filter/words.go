package filter

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// set returns a set of words, made when it is first needed.
func set(words string) func() map[string]bool {
	return sync.OnceValue(func() map[string]bool {
		m := make(map[string]bool)
		for _, w := range strings.Fields(words) {
			m[w] = true
		}
		return m
	})
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func quote(t token) string {
	if t.kind == tEnd {
		return "end of the filter"
	}
	if t.kind == tInvalid {
		return "character " + strconv.Quote(t.text)
	}
	return strconv.Quote(t.text)
}

// lowerASCII lowers the case of ASCII letters.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
