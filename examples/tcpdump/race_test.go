//go:build race

package main

func init() { // the detector makes printing ten times as slow, and there is one goroutine
	numericFlags = []string{"-n", "-nevv", "-nXX"}
	oddFlags = []string{"-nvv"}
	*mutants = 300
}
