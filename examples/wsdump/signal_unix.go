//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals end a capture in good order: SIGHUP only where nohup(1) has not
// asked to outlive the terminal.
var endSignals = func() []os.Signal {
	s := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		s = append(s, syscall.SIGHUP)
	}
	return s
}()

// notifyStats asks for the counters on SIGUSR1.
func notifyStats(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR1) }

// ignorePipe makes a closed standard output an error of Write, so that a file
// being written with -w is finished first.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }
