// Command wsdump is tcpdump for WebSocket messages: it captures live, or reads
// capture files, and prints what clients and servers say to each other.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	os.Exit(run(os.Args[1:]))
}

// softMemory is from where on memory is collected more often, rather than when
// it has doubled. The tap's budgets lie below it; 100,000 connections do too.
const softMemory = 360 << 20

// exitStatus is an error that has been told to the user already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// run returns the exit status: 0, 1 for a failure, 2 for wrong usage.
func run(args []string) int {
	o, err := parse(args)
	if err == nil {
		err = o.run()
	}
	return report(err)
}

// report tells the user what went wrong and returns the exit status.
func report(err error) int {
	var status exitStatus
	var usage *usageError
	var mistake *filter.Error
	switch {
	case err == nil, errors.Is(err, errReaderGone):
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "wsdump: %v (wsdump --help shows the options)\n", err)
		return 2
	}
	fmt.Fprintf(os.Stderr, "wsdump: %s\n", explain(err))
	if errors.As(err, &mistake) {
		return 2
	}
	return 1
}

func (o *options) run() error {
	switch {
	case o.help:
		_, err := io.WriteString(os.Stdout, help)
		return readerGone(err)
	case o.version:
		_, err := fmt.Printf("wsdump %s (%s)\n", version(), runtime.Version())
		return readerGone(err)
	case o.list:
		return readerGone(listInterfaces(os.Stdout))
	case o.dump > 0:
		return readerGone(o.dumpFilter(os.Stdout))
	case o.demo:
		return o.runDemo()
	}
	src, err := o.open()
	if err != nil {
		return err
	}
	return o.tapAll(context.Background(), src, nil)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// A printer writes events as lines.
type printer interface {
	Encode(websocket.Event) error
}

// printer returns nil where messages are not to be printed: with --count, and
// with -w unless --print says otherwise.
func (o *options) printer(out io.Writer) printer {
	switch {
	case o.total, o.write != "" && !o.print:
		return nil
	case o.json:
		return jsonl.NewEncoder(out, &jsonl.Config{ShowSecrets: o.secrets, OmitPayloads: o.quiet})
	}
	p := newTextPrinter(o, out)
	if cli.Colours(os.Stdout) {
		p.paint = colours
	}
	return p
}

// tapConfig returns what the tap is to do: by default it looks into tunnels.
func (o *options) tapConfig() *websocket.Config {
	if o.noTunnels {
		return nil
	}
	return &websocket.Config{Reassembly: &reassembly.Config{Tunnels: reassembly.AllTunnels}}
}

// tapAll taps src to its end, to -c messages, or to a signal, and prints. each,
// if not nil, sees every event and ends the capture by returning false.
func (o *options) tapAll(ctx context.Context, src *source, each func(websocket.Event) bool) error {
	cli.IgnorePipe()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tap := websocket.NewTap(src.Source, o.tapConfig())
	progress := src.newProgress()
	defer progress.stop()
	eager := src.eager || o.line || cli.IsTerminal(os.Stdout)
	out := newOutput(progress.above(os.Stdout), eager, stop)
	over := make(chan struct{})
	defer close(over)
	stats := func() { o.printStats(os.Stderr, tap.Stats()) }
	end := func() {
		tap.Stop() // fails only where it has ended already
		exitIfStuck(over, func() uint64 { return tap.Stats().Capture.Captured + out.taken.Load() }, stats)
	}
	defer watchSignals(end, func() {
		progress.hide()
		stats()
	})()
	src.announce() // only now, for who reads it may send a signal
	progress.start()

	var seen uint64
	var err error
	if o.printer(nil) == nil && o.count == 0 && each == nil {
		err = tap.Count(ctx) // on all processors: nobody asks for the order
		s := tap.Stats()
		seen, _ = o.shown(&s)
	} else {
		seen, err = o.printAll(tap.Events(ctx), out, each)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	saved := src.finish()
	err = join(saved, err, out.Close())
	progress.stop()
	if o.total && err == nil {
		_, err = fmt.Printf("%d messages\n", seen)
		err = readerGone(err)
	}
	if saved == nil && errors.Is(err, errReaderGone) {
		return err
	}
	status := report(err)
	stats()
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// printAll prints the events until each or -c says enough, and returns how many
// messages there were, those left out not counted.
func (o *options) printAll(events iter.Seq2[websocket.Event, error], out io.Writer, each func(websocket.Event) bool) (seen uint64, err error) {
	p := o.printer(out)
	if p != nil && !o.copies {
		p = newOncePrinter(p)
	}
	for ev, err := range events {
		if err == nil && p != nil {
			err = p.Encode(ev)
		}
		if err != nil {
			return seen, err
		}
		if m, ok := ev.(*websocket.Message); ok && (o.copies || !m.Copy) {
			if seen++; seen == o.count {
				return seen, nil
			}
		}
		if each != nil && !each(ev) {
			return seen, nil
		}
	}
	return seen, nil
}
