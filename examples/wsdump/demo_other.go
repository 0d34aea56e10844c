//go:build !linux

package main

import (
	"errors"
	"net"
)

func (o *options) demoHost() (why, err error) {
	return errors.New("it takes a Linux network namespace"), nil
}

// inheritedListener returns nil: there is no process that the page was opened for.
func inheritedListener() net.Listener { return nil }
