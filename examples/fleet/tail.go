package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/examples/fleet/internal/order"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

const tailHelp = `fleet tail reads what all taps have sent: each event once, in the order of its
connection. What is missing is told.

  fleet tail [options]

From where
  --from-beginning, --since TIME, --now
              from the first message kept, from a time (15m for 15 minutes ago, or
              2026-11-22T18:16:32Z), or from now on (default)
  --durable NAME
              a name whose place the engine remembers: the next start goes on there
  --once      to what is the end now
  -c N        stop after N messages

What
  --tap NAME, --port PORT, --kinds LIST
              of this tap, of this port of servers, of open, message, gap and end: only
              that is fetched (from Kafka all is)
  --match RE, --not-match RE, --only LIST, --from SIDE, --url RE
              as in wsdump

How it looks
  --json      lines as they were sent, see docs/fleet.md
  --har FILE  an HTTP Archive, too
  -A, -q      whole payloads; none
` + accessHelp

type tailOptions struct {
	engine.Access
	engine.Reading
	now       bool
	count     uint64
	json      bool
	har       string
	whole     bool
	quiet     bool
	selection websocket.Selection
	selector  *websocket.Selector

	// stopped, if not nil, is asked after each tap that stops, with their number, whether
	// that was the last.
	stopped func(taps int) bool
}

var tailTable = append(append([]cli.Option[tailOptions]{
	cli.Flag(0, "from-beginning", cli.On(func(o *tailOptions) *bool { return &o.Beginning })),
	cli.Arg(0, "since", func(o *tailOptions, v string) (err error) {
		o.Since, err = since(v, time.Now())
		return err
	}),
	cli.Flag(0, "now", cli.On(func(o *tailOptions) *bool { return &o.now })),
	cli.Arg(0, "durable", func(o *tailOptions, v string) error { o.Name = v; return batch.CheckName(v) }),
	cli.Flag(0, "once", cli.On(func(o *tailOptions) *bool { return &o.Once })),
	cli.Arg('c', "", func(o *tailOptions, v string) (err error) {
		o.count, err = strconv.ParseUint(v, 10, 64)
		if err != nil || o.count == 0 {
			return errors.New("must be a number from 1")
		}
		return nil
	}),
	cli.Arg(0, "tap", func(o *tailOptions, v string) error { o.Tap = v; return batch.CheckName(v) }),
	cli.Arg(0, "port", func(o *tailOptions, v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		if o.Port = strconv.FormatUint(n, 10); err != nil || n == 0 {
			return errors.New("must be a port")
		}
		return nil
	}),
	cli.Arg(0, "kinds", func(o *tailOptions, v string) error {
		for w := range strings.SplitSeq(v, ",") {
			k, err := batch.ParseKind(w)
			if err != nil || k >= batch.Tap {
				return errors.New("must be of open, message, gap and end, with commas between")
			}
			o.Kinds = append(o.Kinds, k)
		}
		return nil
	}),
	cli.Flag(0, "json", cli.On(func(o *tailOptions) *bool { return &o.json })),
	cli.Arg(0, "har", func(o *tailOptions, v string) error {
		if o.har = v; v == "" || v == "-" {
			return errors.New("needs the name of a file")
		}
		return nil
	}),
	cli.Flag('A', "", cli.On(func(o *tailOptions) *bool { return &o.whole })),
	cli.Flag('q', "", cli.On(func(o *tailOptions) *bool { return &o.quiet })),
}, chooseOptions(func(o *tailOptions) *chosen { return &chosen{&o.selection, &o.selector} })...),
	accessOptions(func(o *tailOptions) *engine.Access { return &o.Access })...)

// since reads a time, or how long ago it is.
func since(v string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(v); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return t, errors.New("must be a time such as 2026-11-22T18:16:32Z, or how long ago it was, such as 15m")
	}
	return t, nil
}

func tailCommand(args []string) error {
	o := &tailOptions{}
	words, helped, err := parse(o, tailHelp, tailTable, args)
	if helped || err != nil {
		return err
	}
	starts := 0
	for _, given := range []bool{o.Beginning, !o.Since.IsZero(), o.now} {
		if given {
			starts++
		}
	}
	switch {
	case len(words) > 0:
		return usagef("tail takes options only: %q", words[0])
	case starts > 1:
		return usagef("--from-beginning, --since and --now are three places to begin at: give one of them")
	case o.Once && starts == 0 && o.Name == "":
		return usagef("--once ends with what is there now: say with --from-beginning or --since where it begins")
	}
	if err := checkAccess(&o.Access); err != nil {
		return err
	}
	ctx, _, undo := untilSignal()
	defer undo()
	r, done, err := o.reader(ctx)
	if err != nil {
		return err
	}
	defer done()
	counts, err := o.show(ctx, r, os.Stdout)
	if !errors.Is(err, errReaderGone) {
		counts.say()
	}
	return err
}

// tailCounts are what a tail has read.
type tailCounts struct {
	order.Counts
	messages   uint64
	lost       uint64 // as taps have told
	unreadable uint64
}

func (c *tailCounts) say() {
	say("%d messages shown; %d events read, %d duplicates left out", c.messages, c.Delivered, c.Duplicates)
	if c.lost > 0 {
		say("%d events lost at taps, as they say", c.lost)
	}
	if c.Missing > 0 {
		say("%d events MISSING: taps sent them, and the engine did not deliver them", c.Missing)
	}
	if c.Late > 0 {
		say("%d events came too late for their order", c.Late)
	}
	if c.unreadable > 0 {
		say("%d items not understood", c.unreadable)
	}
}

// reader connects to the engine.
func (o *tailOptions) reader(ctx context.Context) (engine.Reader, func(), error) {
	if o.Kafka != "" {
		r, err := engine.ReadKafka(ctx, &o.Access, o.Reading)
		return r, func() {}, err
	}
	n, err := engine.DialNATS(&o.Access, "", true)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: does fleet serve run there?", err)
	}
	r, err := n.Read(ctx, o.Reading)
	if err != nil {
		n.Close()
		return nil, nil, err
	}
	return r, n.Close, nil
}

// errEnough ends a tail that has shown what was asked for.
var errEnough = errors.New("enough")

// run reads until ctx is done, or to the end that the options say.
func (o *tailOptions) run(ctx context.Context, w io.Writer) (counts tailCounts, err error) {
	r, done, err := o.reader(ctx)
	if err != nil {
		return counts, err
	}
	defer done()
	return o.show(ctx, r, w)
}

// show shows what a reader gives.
func (o *tailOptions) show(ctx context.Context, r engine.Reader, w io.Writer) (counts tailCounts, err error) {
	defer r.Close()
	out := bufio.NewWriterSize(w, 64<<10)
	sh, err := o.newShower(out)
	if err != nil {
		return counts, err
	}
	ord := order.New(order.Config{
		Whole: o.Beginning && o.Name == "", Kinds: o.Kinds,
		Deliver: func(it order.Item) { sh.batch(&o.Reading, it) },
		Missing: sh.missing,
	})
	sh.known = ord.Known
	err = o.read(ctx, r, ord, sh, out)
	ord.Flush()
	if errors.Is(err, io.EOF) || errors.Is(err, errEnough) || errors.Is(err, context.Canceled) {
		err = nil
	}
	err = errors.Join(err, sh.close())
	if flushed := out.Flush(); flushed != nil && err == nil {
		err = errReaderGone
	}
	sh.ack()
	counts = sh.counts
	counts.Counts = ord.Counts()
	return counts, err
}

func (o *tailOptions) read(ctx context.Context, r engine.Reader, ord *order.Order, sh *shower, out *bufio.Writer) error {
	var caughtUp time.Time // since when, zero: not
	for {
		it, err := r.Next(ctx)
		var bad *engine.UnreadableError
		switch {
		case errors.As(err, &bad):
			if sh.counts.unreadable++; sh.counts.unreadable == 1 {
				say("%v", bad)
			}
		case err != nil:
			return err
		case it.Batch != nil:
			ord.Add(it)
		}
		if sh.err != nil {
			return sh.err
		}
		// Somebody watches: what is there is shown when nothing else comes at once.
		if it.Batch == nil || r.Idle() {
			if out.Flush() != nil {
				return errReaderGone
			}
			sh.ack()
		}
		switch {
		case !r.Idle():
			caughtUp = time.Time{}
			continue
		case caughtUp.IsZero():
			caughtUp = time.Now()
		}
		if it.Batch == nil {
			ord.Tick(it.Time)
			if time.Since(caughtUp) > 30*time.Second {
				ord.TellHoles()
			}
		}
	}
}
