package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The table says of each figure what it is, and nothing else.
func TestTable(t *testing.T) {
	committed, err := read("table.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		if _, ok := committed.of(f.name); !ok {
			t.Errorf("%s is not in table.txt", f.name)
		}
	}
	if len(committed.rows) != len(figures) {
		t.Errorf("%d rows, %d figures", len(committed.rows), len(figures))
	}
	if b, err := os.ReadFile("table.txt"); err != nil || string(b) != committed.String() {
		t.Errorf("%v: %q is read as %q", err, b, committed.String())
	}
}

func TestReadBad(t *testing.T) {
	for _, text := range []string{"", "12\ta frame\n", "# x, by go1.26.8 for y\nmany\ta frame\n", "# x, by go1.26.8 for y\n0\ta frame\n", "# x, by go1.26.8 for y\n12 a frame\n"} {
		path := filepath.Join(t.TempDir(), "table.txt")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := read(path); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
