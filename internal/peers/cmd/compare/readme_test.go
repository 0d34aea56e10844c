package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteBlock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(s), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	block, missing := quote("go1", []line{
		{quoted[1], "| b | 1 ms | 2 ms | 2.00 |\n"},
		{"not quoted", "| c |\n"},
		{quoted[0], "| a | 1 ms | 3 ms | 3.0 |\n"},
	})
	if len(missing) != len(quoted)-2 || missing[0] != quoted[2] {
		t.Errorf("missing %q", missing)
	}
	write("before\n" + begin + "old\nfigures\n" + end + "after\n")
	for range 2 { // it finds its own marks again
		if err := writeBlock(file, block); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	expected := "before\n" + begin + "\ngo1:\n\n| what | wstap | the other | ratio |\n|---|---:|---:|---:|\n" +
		"| a | 1 ms | 3 ms | 3.0 |\n| b | 1 ms | 2 ms | 2.00 |\n\n" + end + "after\n"
	if string(text) != expected {
		t.Errorf("file\n%s\nshould be\n%s", text, expected)
	}
	for _, s := range []string{"", "before\n" + begin, end + begin, begin + end + begin + end} {
		write(s)
		if err := writeBlock(file, block); err == nil {
			t.Errorf("wrote into %q", s)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != s {
			t.Errorf("%q became %q, %v", s, text, err)
		}
	}
}

// TestQuoted: README has the markers, and every row that it shows is one that is
// measured; a row that was renamed would be missing for ever.
func TestQuoted(t *testing.T) {
	if err := writeBlock("../../../../README.md", nil); err != nil {
		t.Error(err)
	}
	t.Chdir("../..")
	dir := t.TempDir()
	caps, err := generate(dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]bool{}
	for _, section := range sections {
		rows, err := section(dir, caps)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			labels[r.label()] = true
		}
	}
	for _, q := range quoted {
		if !labels[q] && !strings.HasPrefix(q, "capturing") && !strings.Contains(q, " live, ") && !strings.HasSuffix(q, "tshark") {
			t.Errorf("no row is %q", q)
		}
	}
}
