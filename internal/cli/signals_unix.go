//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

var endSignals = func() []os.Signal {
	s := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		s = append(s, syscall.SIGHUP)
	}
	return s
}()

var hangupSignals = []os.Signal{syscall.SIGHUP}

var statsSignals = []os.Signal{syscall.SIGUSR1}

// IgnorePipe makes a closed standard output an error of Write, where it would
// end the process.
func IgnorePipe() { signal.Ignore(syscall.SIGPIPE) }
