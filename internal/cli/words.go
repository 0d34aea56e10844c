package cli

import (
	"fmt"
	"strings"
)

// plural returns the English word for n things.
func plural(n uint64, word string) string {
	switch {
	case n == 1:
		return word
	case strings.HasSuffix(word, "y"):
		return word[:len(word)-1] + "ies"
	}
	return word + "s"
}

// Quantity returns the number and the word: "1 packet", "2 packets".
func Quantity(n uint64, word string) string { return fmt.Sprintf("%d %s", n, plural(n, word)) }
