package cli

import (
	"io"
	"os"
	"runtime"
)

// IsTerminal reports whether w is a terminal. Where the system does not say so
// it is none.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}

// Colours reports whether w is a terminal whose user has nothing against
// colours (https://no-color.org).
func Colours(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && runtime.GOOS != "windows" && IsTerminal(w)
}
