//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// reportOnSignal tells the counters of a live capture on SIGUSR1. The function
// that it returns ends that.
func (s *session) reportOnSignal() func() {
	if !s.live {
		return func() {}
	}
	c := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(c, syscall.SIGUSR1)
	go func() {
		for {
			select {
			case <-c:
				s.report(", ", "tcpdump: ")
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(done)
	}
}
