//go:build !unix

package main

import "os"

var endSignals = []os.Signal{os.Interrupt}

func notifyStats(chan<- os.Signal) {}

func ignorePipe() {}
