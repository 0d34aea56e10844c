package arch

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// root is the module's directory.
const root = "../.."

// TestImports fails on an arrow that the rooms do not have.
func TestImports(t *testing.T) {
	pkgs := readModule(t)
	for _, fault := range check(pkgs, rooms) {
		t.Error(fault)
	}
}

// TestUnsafe: all of it is in one file, whose head says what it relies on.
func TestUnsafe(t *testing.T) {
	var files []string
	for _, p := range readModule(t) {
		files = append(files, p.unsafe...)
	}
	if len(files) != 1 {
		t.Errorf("unsafe is imported in %q, not in one file", files)
	}
}

// TestAsGoList: what is read here is what go list finds for this platform, and
// what is for others besides.
func TestAsGoList(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pkgs := map[string]pkg{}
	for _, p := range readModule(t) {
		pkgs[p.path] = p
	}
	n := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; n++ {
		var listed struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&listed); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p, ok := pkgs[cmp.Or(strings.TrimPrefix(strings.TrimPrefix(listed.ImportPath, module), "/"), ".")]
		if !ok {
			t.Errorf("%s was not read", listed.ImportPath)
		}
		for _, imported := range listed.Imports {
			if !slices.Contains(p.imports, imported) {
				t.Errorf("%s: the import of %s was not read", p.path, imported)
			}
		}
		for _, imported := range slices.Concat(listed.TestImports, listed.XTestImports) {
			if !slices.Contains(p.testImports, imported) {
				t.Errorf("tests of %s: the import of %s was not read", p.path, imported)
			}
		}
	}
	if n != len(pkgs) {
		t.Errorf("go list has %d packages, %d were read", n, len(pkgs))
	}
}

func readModule(t *testing.T) []pkg {
	t.Helper()
	pkgs, err := read(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 10 {
		t.Fatalf("only %d packages were read", len(pkgs))
	}
	return pkgs
}

// TestCheck: each kind of fault is found in a house that was made for it, and
// nothing where there is none.
func TestCheck(t *testing.T) {
	house := []room{
		{path: "leaf", kind: pure},
		{path: "wall", imports: "leaf tower/*", modules: "golang.org/x/sys", tests: "roof", without: "leaf.New"},
		{path: "tower/a", unsafe: true},
		{path: "roof", imports: "wall", kind: program},
		{path: "later", planned: true},
	}
	for _, test := range []struct {
		name  string
		put   pkg
		fault string // empty: it is as it should be
	}{
		{"allowed", pkg{path: "wall", imports: []string{"os", module + "/leaf", module + "/tower/a", "golang.org/x/sys/unix"}}, ""},
		{"back", pkg{path: "leaf", imports: []string{module + "/wall"}}, "leaf imports " + module + "/wall: no arrow leads there"},
		{"past a room", pkg{path: "roof", imports: []string{module + "/leaf"}}, "roof imports " + module + "/leaf: no arrow leads there"},
		{"below a room", pkg{path: "wall", imports: []string{module + "/leaf/cellar"}}, "wall imports " + module + "/leaf/cellar: no arrow leads there"},
		{"no row", pkg{path: "shed"}, "shed is in no row: say in rooms_test.go what it may import"},
		{"module", pkg{path: "wall", imports: []string{"golang.org/x/net/bpf"}}, "wall imports golang.org/x/net/bpf: that module is not for this room"},
		{"longer name", pkg{path: "wall", imports: []string{"golang.org/x/system"}}, "wall imports golang.org/x/system: that module is not for this room"},
		{"files", pkg{path: "leaf", imports: []string{"os"}}, "leaf imports os: that part of the standard library is not for this room"},
		{"sockets", pkg{path: "leaf", imports: []string{"net"}}, "leaf imports net: that part of the standard library is not for this room"},
		{"addresses", pkg{path: "leaf", imports: []string{"net/netip"}}, ""},
		{"logs", pkg{path: "wall", imports: []string{"log/slog"}}, "wall imports log/slog: that part of the standard library is not for this room"},
		{"a program logs", pkg{path: "roof", imports: []string{"log/slog"}}, ""},
		{"cgo", pkg{path: "roof", imports: []string{"C"}}, "roof imports C: that part of the standard library is not for this room"},
		{"unsafe", pkg{path: "wall", imports: []string{"unsafe"}, unsafe: []string{"wall/a.go"}}, "wall/a.go imports unsafe"},
		{"unsafe where it may be", pkg{path: "tower/a", imports: []string{"unsafe"}, unsafe: []string{"tower/a/a.go"}}, ""},
		{"name", pkg{path: "wall", selectors: []string{"leaf.Old", "leaf.New"}}, "wall uses leaf.New"},
		{"a test's arrow", pkg{path: "wall", testImports: []string{module + "/roof", module + "/wall", module + "/internal/testnet", "github.com/coder/websocket", "testing"}}, ""},
		{"a test's arrow too far", pkg{path: "leaf", testImports: []string{module + "/roof"}}, "tests of leaf import " + module + "/roof: no arrow leads there"},
		{"a test's module", pkg{path: "leaf", testImports: []string{"github.com/gorilla/websocket"}}, "tests of leaf import github.com/gorilla/websocket: that module is not for this room"},
		{"planned", pkg{path: "later", imports: []string{"errors"}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			pkgs := []pkg{test.put}
			for _, r := range house {
				if r.path != test.put.path && !r.planned {
					pkgs = append(pkgs, pkg{path: r.path})
				}
			}
			faults := check(pkgs, house)
			if test.fault == "" && len(faults) > 0 || test.fault != "" && !slices.Equal(faults, []string{test.fault}) {
				t.Errorf("faults %q, should be %q", faults, test.fault)
			}
		})
	}
	if faults := check(nil, house); len(faults) != 4 {
		t.Errorf("faults of an empty house: %q, should be a missing package for each of four rows", faults)
	}
	if faults := check([]pkg{{path: "a"}}, []room{{path: "a"}, {path: "a"}}); !slices.Equal(faults, []string{"a has two rows"}) {
		t.Errorf("faults %q of a room with two rows", faults)
	}
}
