package arch

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestRead reads a module that was made for it: files for other platforms
// count, other modules and testdata do not.
func TestRead(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{
		"go.mod":               "module m\n",
		"a/a.go":               "package a\nimport (\n\"fmt\"\nother \"m/b\"\n)\nvar b struct{ New int }\nvar _ = other.New\nvar _, _ = b.New, fmt.Sprint(b.New)\n",
		"a/a_windows.go":       "package a\nimport \"unsafe\"\nvar _ unsafe.Pointer\n",
		"a/a_test.go":          "package a_test\nimport (\n\"testing\"\n\"unsafe\"\n)\nvar _ unsafe.Pointer\nvar _ testing.T\n",
		"a/testdata/c/c.go":    "package c\n",
		"nested/go.mod":        "module n\n",
		"nested/n.go":          "package n\n",
		"_old/o.go":            "package o\n",
		"only/tests/a_test.go": "package tests\n",
	} {
		file = filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	pkgs, err := read(root)
	if err != nil {
		t.Fatal(err)
	}
	expected := []pkg{
		{path: "a", imports: []string{"fmt", "m/b", "unsafe"}, testImports: []string{"testing", "unsafe"},
			unsafe: []string{"a/a_windows.go"}, selectors: []string{"b.New", "fmt.Sprint", "unsafe.Pointer"}},
		{path: "only/tests"},
	}
	if !reflect.DeepEqual(pkgs, expected) {
		t.Errorf("read %+v, should be %+v", pkgs, expected)
	}
	if err := os.WriteFile(filepath.Join(root, "a", "bad.go"), []byte("packag a\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := read(root); err == nil {
		t.Error("a file that is not Go was read without an error")
	}
}
