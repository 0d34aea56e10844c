//go:build !linux

package main

import "errors"

func (o *options) demoHost() (why, err error) {
	return errors.New("it takes a Linux network namespace"), nil
}
