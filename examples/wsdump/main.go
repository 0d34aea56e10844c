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
	"time"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// exitStatus is an error that has been told to the user already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// run returns the exit status: 0, 1 for a failure, 2 for wrong usage.
func run(args []string) int {
	o, err := parse(args)
	if err == nil {
		err = o.explainFilter(o.run())
	}
	return report(err)
}

// report tells the user what went wrong and returns the exit status.
func report(err error) int {
	var status exitStatus
	var usage *usageError
	var mistake *filter.Error
	var hint *hinted
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
		fmt.Fprint(os.Stderr, place(mistake))
		if errors.As(err, &hint) {
			fmt.Fprintf(os.Stderr, "did you mean: %s\n", quoteArg(hint.meant))
		}
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
	}
	o.end = newEnding(o.jsonFile != "")
	page, err := o.openPage()
	if err != nil {
		return err
	}
	o.page = page
	defer page.close()
	err = o.capture()
	if err == nil || errors.As(err, new(exitStatus)) {
		page.linger()
	}
	return err
}

// capture shows what there is to its end.
func (o *options) capture() error {
	if o.demo {
		return o.runDemo()
	}
	src, err := o.open()
	if err != nil {
		return err
	}
	if src.messages != nil {
		return o.show(src.messages)
	}
	err = o.tapAll(context.Background(), src, nil)
	if errors.Is(err, errOrder) {
		o.inOrder = true
		if src, err = o.open(); err == nil {
			src.hello = ""
			err = o.tapAll(context.Background(), src, nil)
		}
	}
	return err
}

// errOrder asks for a count in the order of the file. Where there are copies,
// connections joined late, or gaps, which messages count depends on what was seen
// before, of other connections too.
var errOrder = errors.New("the order matters")

// ordered says that a count depends on the order in which packets were read.
func ordered(s *websocket.Stats) bool {
	return s.ConnCopies > 0 || s.LateConns > 0 || s.Reassembly.Midstream > 0 || s.Reassembly.Gaps > 0
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// tapAll taps src to its end, to -c messages, or to a signal, and prints. each,
// if not nil, sees every event and ends the capture by returning false.
func (o *options) tapAll(ctx context.Context, src *source, each func(websocket.Event) bool) error {
	cli.IgnorePipe()
	cfg, err := o.tapConfig()
	if err != nil {
		src.Close()
		return err
	}
	to, err := o.stdout()
	if err != nil {
		src.Close()
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tap := websocket.NewTap(src.Source, cfg)
	progress := src.newProgress()
	defer progress.stop()
	eager := src.eager || o.line || cli.IsTerminal(os.Stdout)
	var out *output
	out = newOutput(progress.above(to), eager, o.outputMemory(src.Info().Live), func(err error) {
		if errors.Is(err, errReaderGone) && o.end.within(sameEnd) {
			out.GiveUp() // what was captured is still saved and counted
			return
		}
		stop(err)
	})
	ps, err := o.openPrinters(out)
	if err != nil {
		return join(err, tap.Close(), out.Close())
	}
	over := make(chan struct{})
	stats := func() {
		progress.hide()
		o.printStats(os.Stderr, tap.Stats())
	}
	asked := func() {
		progress.hide()
		ps.Show()
		stats()
	}
	o.end.stats.Store(&asked)
	go o.end.see(finale{tap, out, stop, stats, src.saved}, over)
	src.announce() // only now, for who reads it may send a signal
	o.page.begin(subject{o.sourceName(src), src.Info().Live, o.kept(src), tap.Stats, o.printStats, printReasons})
	progress.start()
	if src.Info().Live && (o.total || o.web || o.printsLines()) {
		go o.wonder(over, tap.Stats)
	}
	if o.duration > 0 {
		time.AfterFunc(o.duration, o.endCapture(tap))
	}

	var seen uint64
	if !o.shows() && o.count == 0 && each == nil {
		err = tap.Count(ctx) // on all processors: nobody asks for the order
		s := tap.Stats()
		seen, _ = o.shown(&s)
		if ordered(&s) && src.shared && err == nil && !o.end.within(0) {
			close(over)
			return join(errOrder, out.Close())
		}
	} else {
		seen, err = o.printAll(tap.Events(ctx), ps, out, each)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	switch {
	case errors.Is(err, errInsisted):
		err = nil
	case errors.Is(err, pcapfile.ErrLastFile):
		fmt.Fprintf(os.Stderr, "wsdump: %s written, as -W says\n", cli.Quantity(uint64(o.files), "file"))
		err = nil
	}
	saved := src.finish()
	o.tellLeftOut()
	err = join(saved, err, ps.Close(), o.finishOutput(out))
	close(over)
	o.end.stats.Store(&stats)
	progress.stop()
	if o.total && err == nil {
		_, err = fmt.Printf("%d messages\n", seen)
		err = readerGone(err)
	}
	if saved == nil && errors.Is(err, errReaderGone) {
		return err
	}
	status := o.page.report(err)
	stats()
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// endCapture is what --duration does: the page goes on where there is one.
func (o *options) endCapture(tap *websocket.Tap) func() {
	if o.page == nil {
		return o.end.ask
	}
	return func() { _ = tap.Stop() } // fails only where it has ended already
}

// finishOutput has everything shown, and tells how many messages are not.
func (o *options) finishOutput(out *output) error {
	err := out.Close()
	if !o.end.within(0) {
		return err
	}
	boundEnd() // of what is written from here on
	if errors.Is(err, errReaderGone) {
		if n := out.Unshown(); n > 0 {
			fmt.Fprintf(os.Stderr, "wsdump: %v\n", unshown(n))
		}
		return nil
	}
	return join(err, unshown(out.Unshown()))
}

// printAll prints the events until each or -c says enough, and returns how many
// messages there were, those left out not counted.
func (o *options) printAll(events iter.Seq2[websocket.Event, error], p printer, out *output, each func(websocket.Event) bool) (seen uint64, err error) {
	if f, ok := p.(interface{ Flush() error }); ok {
		defer func() { err = join(err, f.Flush()) }()
	}
	if !o.copies {
		p = newOncePrinter(p)
	}
	for ev, err := range events {
		if err == nil {
			err = p.Encode(ev)
		}
		if err != nil {
			return seen, err
		}
		if m, ok := ev.(*websocket.Message); ok && (o.copies || !m.Copy) {
			if o.printsLines() && !o.summary {
				out.EndMessage()
			}
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
