package main

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/examples/fleet/internal/outbox"
	"github.com/wstap/wstap/examples/fleet/internal/spool"
	"github.com/wstap/wstap/websocket"
)

const (
	// grace is how long the engine has at the end for what is not yet acknowledged.
	grace = 5 * time.Second
	// alive is how often a tap says that it is.
	alive = time.Minute
)

// A tap is one that runs.
type tap struct {
	*tapOptions
	boot    string
	src     *source
	spool   *spool.Spool // nil: none
	out     *outbox.Outbox
	builder *batch.Builder
	engine  interface {
		outbox.Engine
		Close()
	}
	ending  atomic.Bool // what tells of the end is taken whatever there is
	trouble trouble
	left    uint64 // events that nobody has, at the end
}

func tapCommand(args []string) error {
	o, err := parseTap(args)
	if o == nil || err != nil {
		return err
	}
	ctx, hurry, undo := untilSignal()
	defer undo()
	t, err := o.run(ctx, hurry)
	if t != nil {
		t.account()
	}
	return err
}

// newBoot returns a name for one run of a tap; later ones sort behind.
func newBoot() string {
	return strconv.FormatInt(time.Now().Unix(), 36) + "-" + strings.ToLower(rand.Text()[:5])
}

// run taps until ctx is done or the source ends; what waits for the engine at the end does
// not wait when hurry is done. The tap is nil where it has not begun.
func (o *tapOptions) run(ctx, hurry context.Context) (*tap, error) {
	t := &tap{tapOptions: o, boot: newBoot()}
	var err error
	if t.src, err = o.open(hurry); err != nil {
		return nil, err
	}
	defer t.src.close()
	if o.spoolSize > 0 {
		if t.spool, err = spool.Open(o.spoolDir, o.spoolSize); err != nil {
			return nil, err
		}
		defer t.spool.Close()
	}
	before, err := t.begin()
	if err != nil {
		return nil, err
	}
	if o.Kafka != "" {
		t.engine, err = engine.DialKafka(&o.Access)
	} else {
		t.engine, err = engine.DialNATS(&o.Access, o.name, false)
	}
	if err != nil {
		return nil, err
	}
	box := outbox.Config{Engine: t.engine, Spool: t.spool, Trouble: t.tellTrouble}
	if !t.src.live {
		box.Waits, box.Queue = true, 4<<20
	}
	t.out = outbox.New(box)
	t.builder = batch.NewBuilder(batch.Config{Tap: o.name, Boot: t.boot, ShowSecrets: o.secrets, OmitPayloads: o.noPayloads, Linger: o.linger, Put: t.put})
	stopMetrics, err := t.serveMetrics()
	if err != nil {
		t.out.Close(canceled())
		t.engine.Close()
		return nil, err
	}
	defer stopMetrics()
	if !o.quiet {
		say("tap %s: reading %s, sending to %s", o.name, t.src.name, where(&o.Access))
	}
	t.builder.Tell("start", before...)
	if o.listening != nil {
		o.listening()
	}
	err = t.pass(ctx)
	return t, errors.Join(err, t.finish(ctx, hurry))
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// put gives a batch to the outbox: what is read from a file waits there for room.
func (t *tap) put(b *batch.Batch) bool {
	switch {
	case t.ending.Load():
		return t.out.Put(b, outbox.Force)
	case t.src.live:
		return t.out.Put(b, outbox.Refuse)
	}
	return t.out.Put(b, outbox.Wait)
}

// pass sends all events.
func (t *tap) pass(ctx context.Context) error {
	over := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { t.builder.Linger(over) })
	wait.Go(func() { t.heartbeat(over) })
	defer wait.Wait()
	defer close(over)
	stop := context.AfterFunc(ctx, func() {
		t.out.Hasten()
		t.src.stop()
	})
	defer stop()
	if t.duration > 0 {
		defer time.AfterFunc(t.duration, t.src.stop).Stop()
	}
	for ev, err := range t.src.events {
		if errors.Is(err, context.Canceled) {
			return nil // of a second signal
		}
		if err != nil {
			return err
		}
		if !t.wants(ev) {
			continue
		}
		if err := t.builder.Add(ev); err != nil {
			return err
		}
		if _, ok := ev.(*websocket.End); ok && t.ended != nil {
			t.ended()
		}
	}
	return nil
}

// wants says whether an event is sent: copies of messages are not unless asked for, and
// nothing of connections that are not chosen.
func (t *tap) wants(ev websocket.Event) bool {
	switch ev := ev.(type) {
	case *websocket.Message:
		return t.copies || !ev.Copy
	case *websocket.Open:
		return t.selector.Conn(ev.Conn)
	case *websocket.Gap:
		return t.selector.Conn(ev.Conn)
	case *websocket.End:
		return t.selector.Conn(ev.Conn)
	}
	return true
}

// heartbeat says that the tap is alive.
func (t *tap) heartbeat(over <-chan struct{}) {
	tick := time.NewTicker(alive)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.builder.Tell("alive", t.fields()...)
		case <-over:
			return
		}
	}
}

// finish sends what is left, or leaves it in the spool.
func (t *tap) finish(asked, hurry context.Context) error {
	t.builder.Flush(true)
	t.ending.Store(true)
	t.builder.Tell("stop", t.fields()...)
	if !t.src.live && asked.Err() == nil { // nobody waits for a file: all of it is sent, or a signal comes
		t.out.Drain(asked)
	}
	ctx, cancel := context.WithTimeout(hurry, grace)
	defer cancel()
	t.left = t.out.Close(ctx)
	t.engine.Close()
	return t.end()
}
