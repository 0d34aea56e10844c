package main

import (
	"fmt"
	"os"
	"time"

	"github.com/wstap/wstap/internal/cli"
)

// watchSignals calls end on the first signal that asks for the end, and stats on
// SIGUSR1, until undo.
func watchSignals(end, stats func()) (undo func()) {
	undoEnd, undoStats := cli.OnEnd(end), cli.OnStats(stats)
	return func() {
		undoEnd()
		undoStats()
	}
}

// patience is how long wsdump, when it is to end, waits for somebody to take its
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
