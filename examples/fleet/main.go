// Command fleet brings the WebSocket messages of many machines together: a tap on each
// sends what wsdump would show to NATS JetStream or Kafka, and a tail reads all of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
)

const help = `fleet shows the WebSocket messages of many machines as one stream.

  fleet demo                    see it at work, without anything else
  fleet serve [options]         run an engine: NATS JetStream with a store on disk
  fleet tap [options] [filter]  capture here, and send what is said to the engine
  fleet tail [options]          read what all taps have sent
  fleet stream [options]        make the stream of an engine that others run, or the topic
  fleet COMMAND --help          its options

On one machine:  fleet serve &  sudo fleet tap port 7272 &  fleet tail --from-beginning
`

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit status: 0, 1 for a failure, 2 for wrong usage.
func run(args []string) int {
	cli.IgnorePipe()
	err := command(args)
	var usage *usageError
	var mistake *filter.Error
	switch {
	case err == nil, errors.Is(err, errReaderGone):
		return 0
	case errors.As(err, &usage):
		say("%s (fleet --help shows the commands)", escape.String(err.Error()))
		return 2
	case errors.As(err, &mistake):
		say("%s", escape.String(err.Error()))
		return 2
	}
	say("%s", escape.String(strings.ReplaceAll(err.Error(), "\n", "; ")))
	return 1
}

func command(args []string) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "tap":
		return tapCommand(args)
	case "serve":
		return serveCommand(args)
	case "stream":
		return streamCommand(args)
	case "tail":
		return tailCommand(args)
	case "demo":
		return demoCommand(args)
	case "--help", "-h", "help":
		return show(help)
	case "--version", "version":
		return show(fmt.Sprintf("fleet %s (%s)\n", version(), runtime.Version()))
	case "":
		return usagef("give a command: demo, serve, tap, tail or stream")
	}
	return usagef("there is no command %q: demo, serve, tap, tail or stream", name)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// show writes text for who asked for it.
func show(text string) error {
	_, err := io.WriteString(os.Stdout, text)
	return err
}

// say tells something on standard error.
func say(format string, a ...any) { fmt.Fprintf(os.Stderr, "fleet: "+format+"\n", a...) }

// parse reads a command line, and shows the help where it is asked for.
func parse[T any](t *T, help string, table []cli.Option[T], args []string) (words []string, helped bool, err error) {
	table = append(table, cli.Flag('h', "help", func(*T, string) error { helped = true; return nil }))
	words, err = cli.Parse(t, table, args)
	if helped {
		return nil, true, show(help)
	}
	var m *cli.Mistake
	if errors.As(err, &m) {
		meant := ""
		if len(m.Names) > 0 {
			meant = ": did you mean " + strings.Join(m.Names, " or ") + "?"
		}
		switch m.Kind {
		case cli.Unknown:
			return nil, false, usagef("unknown option %s%s", m.Option, meant)
		case cli.Ambiguous:
			return nil, false, usagef("option %s is ambiguous: %s", m.Option, strings.Join(m.Names, ", "))
		case cli.NoValue:
			return nil, false, usagef("option %s needs a value", m.Option)
		case cli.Value:
			return nil, false, usagef("option %s takes no value", m.Option)
		}
		return nil, false, usagef("option %s %v", m.Option, m.Err)
	}
	return words, false, err
}

// untilSignal returns a context that a signal ends, and one that another signal ends,
// for who is in a hurry.
func untilSignal() (ctx, hurry context.Context, undo func()) {
	ctx, end := context.WithCancel(context.Background())
	hurry, insist := context.WithCancel(context.Background())
	ignore := cli.OnEnd(end, insist)
	return ctx, hurry, func() { ignore(); end(); insist() }
}

// errReaderGone is the end of who reads standard output.
var errReaderGone = errors.New("the reader of the output is gone")
