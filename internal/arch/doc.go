// Package arch holds the test that keeps the house as it is drawn: which
// package may import which, which modules each needs, and where unsafe is. It
// reads the source files, whatever platform they are for. The table is in
// rooms_test.go: a new package needs a row there.
package arch
