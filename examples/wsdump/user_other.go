//go:build !unix

package main

import "errors"

func relinquish(string) error { return errors.New("-Z is for Unix systems") }
