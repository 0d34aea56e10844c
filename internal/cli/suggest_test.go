package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"json", "count", "print", "port", "follow"}
	for s, want := range map[string]string{
		"jsn": "json", "jsno": "json", "jason": "json", "cuont": "count", "prot": "port", "folow": "follow",
		"prnt": "print", "x": "", "": "", "keep": "", "jo": "", "pront": "print",
	} {
		if got := strings.Join(Nearest(s, words), " "); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	if got := Nearest("prit", []string{"print", "prat"}); !slices.Equal(got, []string{"print", "prat"}) {
		t.Errorf("two are as near: %q", got)
	}
	for _, d := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3}} {
		if got := distance(d.a, d.b); got != d.want {
			t.Errorf("%q, %q: %d, want %d", d.a, d.b, got, d.want)
		}
	}
}
