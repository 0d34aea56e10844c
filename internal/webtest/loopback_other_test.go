//go:build !linux

package webtest

func loopbackUp() {}
