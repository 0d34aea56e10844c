package cli

import (
	"os"
	"os/signal"
	"slices"
)

// EndSignals returns the signals that end a program in good order: SIGHUP only
// where nohup(1) has not asked to outlive the terminal.
func EndSignals() []os.Signal { return slices.Clone(endSignals) }

// OnEnd calls end, in a goroutine of its own, on the first of the [EndSignals].
// The second one ends the process, whatever it waits for.
func OnEnd(end func()) (undo func()) {
	return watch(endSignals, func() {
		signal.Reset(endSignals...)
		go end()
	})
}

// OnStats calls show on each SIGUSR1, where there is one.
func OnStats(show func()) (undo func()) { return watch(statsSignals, show) }

// watch calls f on each of the signals until undo.
func watch(signals []os.Signal, f func()) (undo func()) {
	if len(signals) == 0 { // which Notify takes for all
		return func() {}
	}
	c, quit := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(c, signals...)
	go func() {
		for {
			select {
			case <-c:
				f()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(quit)
	}
}
