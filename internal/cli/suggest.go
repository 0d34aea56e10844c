package cli

import "strings"

// Nearest returns the words that s is most likely a slip of: those that differ
// by the fewest letters, of which two that changed places are one, and by no
// more than a third of them.
func Nearest(s string, words []string) (near []string) {
	best := max(1, len(s)/3)
	for _, w := range words {
		switch d := distance(s, w); {
		case d < best:
			best, near = d, []string{w}
		case d == best:
			near = append(near, w)
		}
	}
	return near
}

// distance is how many letters have to be put in, taken out, replaced or
// exchanged with their neighbours to make b of a, each only once.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// near returns the long names, with their dashes, that name may be a slip of.
func (p *parser[T]) near(name string) []string {
	if len(name) > 64 { // no option is as long
		return nil
	}
	var names []string
	for i := range p.table {
		if long := p.table[i].Long; long != "" {
			names = append(names, long)
		}
	}
	names = Nearest(name, names)
	for i := range names {
		names[i] = "--" + names[i]
	}
	return names
}

// single returns the long option that arg is with one of its dashes: -json.
func (p *parser[T]) single(arg string) []string {
	name, _, _ := strings.Cut(arg, "=")
	for i := range p.table {
		if p.table[i].Long == name && len(name) > 2 {
			return []string{"--" + name}
		}
	}
	return nil
}
