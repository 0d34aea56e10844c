//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package main

import "os"

// isTerminal says no where it cannot know: no colour and no progress then.
func isTerminal(*os.File) bool { return false }
