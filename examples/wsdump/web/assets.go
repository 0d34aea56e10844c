package web

import (
	"embed"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assets embed.FS

// types are the kinds of files that the page has.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
}

// serveAsset serves a file of the page. They lie side by side, so a name has no slash.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	kind := types[path.Ext(name)]
	b, err := assets.ReadFile("assets/" + name)
	if err != nil || kind == "" || strings.Contains(name, "/") {
		refuse(w, failf(http.StatusNotFound, "there is no such page"))
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(b)
}
