//go:build !linux

package main

import "errors"

func demoCommand([]string) error {
	return errors.New("the demo captures, which needs Linux: fleet serve, fleet tail and fleet tap -r FILE work here")
}
