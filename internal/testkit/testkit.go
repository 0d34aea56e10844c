// Package testkit says how much a test is to do.
package testkit

import (
	"os"
	"testing"
)

// LongEnv is the environment variable that, set to anything, makes tests do as
// much as a night allows.
const LongEnv = "WSTAP_LONG"

// Long reports whether tests are to do more than usual.
func Long() bool { return os.Getenv(LongEnv) != "" }

// Rounds returns how much a test does: usual, or short with -short, which wins,
// or long with WSTAP_LONG. The three differ in amount, never in what is checked.
func Rounds[T any](usual, short, long T) T {
	switch {
	case testing.Short():
		return short
	case Long():
		return long
	}
	return usual
}
