//go:build !linux

package main

import "io"

func live(string, []capFile) ([]row, error) { return nil, nil }

func taps(io.Writer, string, int) ([]line, error) { return nil, nil }
