//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package cli

import "os"

// isTerminal says no where it cannot know.
func isTerminal(*os.File) bool { return false }
