package main

import (
	"fmt"
	"os"
	"os/signal"
	"time"
)

// watchSignals ends the capture in good order on a signal, and shows how it
// stands on SIGUSR1. The function that it returns undoes it.
func watchSignals(end, stats func()) (undo func()) {
	ends, show, quit := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(ends, endSignals...)
	notifyStats(show)
	go func() {
		for {
			select {
			case <-ends:
				signal.Reset(endSignals...) // a second one ends the process
				go end()
			case <-show:
				stats()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(ends)
		signal.Stop(show)
		close(quit)
	}
}

// patience is how long wsdump, told to end, waits for somebody to take its
// output.
const patience = 5 * time.Second

// exitIfStuck watches the end of a capture until over is closed. When progress
// stands still, because a pipe is full and its reader stopped, it ends the
// process, for nothing else can end a Write.
func exitIfStuck(over <-chan struct{}, progress func() uint64, stats func()) {
	for last, moving := progress(), true; moving; {
		select {
		case <-over:
			return
		case <-time.After(patience):
		}
		now := progress()
		last, moving = now, now != last
	}
	time.AfterFunc(time.Second, func() { os.Exit(1) }) // standard error may be stuck as well
	fmt.Fprintf(os.Stderr, "wsdump: nobody takes the output: after %v given up, and the rest of it is lost\n", patience)
	stats()
	os.Exit(1)
}
