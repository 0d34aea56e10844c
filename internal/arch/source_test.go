package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A pkg is what the files of one directory import, for all platforms at once.
type pkg struct {
	path        string // in the module
	imports     []string
	testImports []string
	unsafe      []string // files, not tests, that import it
	selectors   []string // such as "fmt.Println", files of tests left out
}

// read reads the packages of the module at root. Modules inside it are not part
// of it, so that it cannot import them.
func read(root string) ([]pkg, error) {
	var pkgs []pkg
	err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != root {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil ||
				d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") {
				return filepath.SkipDir
			}
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			return err
		}
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		p := pkg{path: filepath.ToSlash(rel)}
		for _, file := range files {
			if err := p.add(file); err != nil {
				return err
			}
		}
		pkgs = append(pkgs, p)
		return nil
	})
	return pkgs, err
}

// add adds a file.
func (p *pkg) add(file string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	list, test := &p.imports, strings.HasSuffix(file, "_test.go")
	if test {
		list = &p.testImports
	}
	names := map[string]string{} // by which the file calls what it imports
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if !slices.Contains(*list, imported) {
			*list = append(*list, imported)
		}
		if imported == "unsafe" && !test {
			p.unsafe = append(p.unsafe, path.Join(p.path, filepath.Base(file)))
		}
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path.Base(imported)
	}
	if !test {
		p.use(f, names)
	}
	return nil
}

// use adds the selectors of a file, by the packages' own names.
func (p *pkg) use(f *ast.File, names map[string]string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && names[x.Name] != "" {
				if s := names[x.Name] + "." + s.Sel.Name; !slices.Contains(p.selectors, s) {
					p.selectors = append(p.selectors, s)
				}
			}
		}
		return true
	})
}
