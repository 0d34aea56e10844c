//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals end a capture in good order.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// notifyStats asks for the counters on SIGUSR1.
func notifyStats(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR1) }

// ignorePipe makes a closed standard output an error of Write, so that a file
// being written with -w is finished first.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }
