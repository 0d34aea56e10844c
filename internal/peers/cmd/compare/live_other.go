//go:build !linux

package main

func live(string, []capFile) ([]row, error) { return nil, nil }

func taps(*run, string) ([]line, error) { return nil, nil }
