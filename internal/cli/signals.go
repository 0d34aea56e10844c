package cli

import (
	"os"
	"os/signal"
	"slices"
	"time"
)

// EndSignals returns the signals that end a program in good order: SIGHUP only
// where nohup(1) has not asked to outlive the terminal.
func EndSignals() []os.Signal { return slices.Clone(endSignals) }

// insisting is how long after the first signal another one is a wish of its own.
// What ends programs often signals twice: timeout(1) the process and then its
// group, a terminal and the shell in it at a hangup.
const insisting = time.Second

// OnHangup calls f on each SIGHUP, where there is one. It is then to be kept from
// [OnEnd].
func OnHangup(f func()) (undo func()) { return watch(hangupSignals, f) }

// HangupSignals returns SIGHUP, where there is one.
func HangupSignals() []os.Signal { return slices.Clone(hangupSignals) }

// OnEnd calls end, in a goroutine of its own, on the first of the [EndSignals],
// and insist, once too, on the first that comes a second or more after it. No
// later signal ends the process, so that what it does at the end is done. The signals
// except are left alone.
func OnEnd(end, insist func(), except ...os.Signal) (undo func()) {
	var first time.Time
	insisted := false
	signals := slices.DeleteFunc(EndSignals(), func(s os.Signal) bool { return slices.Contains(except, s) })
	return watch(signals, func() {
		switch {
		case first.IsZero():
			first = time.Now()
			go end()
		case time.Since(first) >= insisting && !insisted:
			insisted = true
			go insist()
		}
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
