package arch

import (
	"fmt"
	"slices"
	"strings"
)

// module is the path of the module whose rooms these are.
const module = "github.com/wstap/wstap"

// check says what in the packages is against the rooms.
func check(pkgs []pkg, rooms []room) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	byPath := map[string]room{}
	for _, r := range rooms {
		if _, twice := byPath[r.path]; twice {
			fault("%s has two rows", r.path)
		}
		byPath[r.path] = r
	}
	seen := map[string]bool{}
	for _, p := range pkgs {
		seen[p.path] = true
		r, ok := byPath[p.path]
		if !ok {
			fault("%s is in no row: say in rooms_test.go what it may import", p.path)
			continue
		}
		for _, imported := range p.imports {
			if why := r.forbids(imported, false); why != "" {
				fault("%s imports %s: %s", p.path, imported, why)
			}
		}
		for _, imported := range p.testImports {
			if why := r.forbids(imported, true); why != "" {
				fault("tests of %s import %s: %s", p.path, imported, why)
			}
		}
		for _, s := range p.selectors {
			if slices.Contains(strings.Fields(r.without), s) {
				fault("%s uses %s", p.path, s)
			}
		}
		if len(p.unsafe) > 0 && !r.unsafe {
			fault("%s imports unsafe", p.unsafe[0])
		}
	}
	for _, r := range rooms {
		if !r.planned && !seen[r.path] {
			fault("%s has a row and is no package", r.path)
		}
	}
	return faults
}

// forbids says why a file of the room, or of its tests, must not import a
// package, or nothing.
func (r room) forbids(imported string, test bool) string {
	first, _, _ := strings.Cut(imported, "/")
	switch inModule, ours := strings.CutPrefix(imported, module+"/"); {
	case ours:
		if test && (inModule == r.path || covers(testKits+" "+r.tests, inModule)) || lists(r.imports, inModule) {
			return ""
		}
		return "no arrow leads there"
	case strings.Contains(first, "."):
		if covers(r.modules, imported) || test && covers(testModules, imported) {
			return ""
		}
		return "that module is not for this room"
	case !test && covers(forbidden[r.kind], imported) && !lists(allowed[r.kind], imported):
		return "that part of the standard library is not for this room"
	}
	return ""
}

// lists reports whether a list has a path, or dir/* for one below dir.
func lists(list, path string) bool {
	for p := range strings.FieldsSeq(list) {
		if dir, below := strings.CutSuffix(p, "*"); p == path || below && strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

// covers reports whether a list has a path or one above it.
func covers(list, path string) bool {
	for p := range strings.FieldsSeq(list) {
		if p == path || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return lists(list, path)
}
