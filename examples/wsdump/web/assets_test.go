package web

import (
	"io/fs"
	"path"
	"regexp"
	"testing"
)

// acting is what makes something of a string, or asks somebody else: what a page
// that shows hostile payloads must not have.
var acting = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|setHTML|document\.write|srcdoc` +
	`|\beval\b|new Function|setTimeout\(['"]|javascript:|\bhttps?:|["'(]data:|\bWebSocket\(|XMLHttpRequest|sendBeacon|importScripts` +
	`|<script(?: [^>]*)?>[^<]|<style| on[a-z]+=| style=`)

// namespace is the name of a vocabulary, nothing that is fetched.
const namespace = "http://www.w3.org/2000/svg"

// TestAssets: the page makes no markup of strings, has no code within its markup,
// and names no other place.
func TestAssets(t *testing.T) {
	names := regexp.MustCompile(regexp.QuoteMeta(namespace))
	n := 0
	err := fs.WalkDir(assets, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		b, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		if types[path.Ext(name)] == "" {
			t.Errorf("%s is of a type that is not served", name)
		}
		for _, m := range acting.FindAll(names.ReplaceAll(b, nil), -1) {
			t.Errorf("%s has %q", name, m)
		}
		return nil
	})
	if err != nil || n < 10 {
		t.Errorf("%d files were looked at: %v", n, err)
	}
	for _, bad := range []string{`e.innerHTML = x`, `eval(x)`, `fetch("https://example.com")`, `<p onclick="x()">`, `<script>x()</script>`, `<b style="x">`, `<a href="javascript:x">`} {
		if !acting.MatchString(bad) {
			t.Errorf("%s is not found", bad)
		}
	}
}
