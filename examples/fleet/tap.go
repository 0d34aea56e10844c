package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// fields are the accounts of a tap, for its own events.
func (t *tap) fields() []batch.Field {
	c, s := t.builder.Counts(), t.src.stats()
	return []batch.Field{
		{Name: "events", N: c.Events}, {Name: "messages", N: c.Messages}, {Name: "lost", N: c.Lost},
		{Name: "packets_received", N: s.Capture.Received}, {Name: "packets_dropped", N: s.Capture.Dropped},
		{Name: "lost_bytes", N: s.LostBytes},
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

// A state is kept beside the spool: whose it is, and how its last run ended.
type state struct {
	Tap  string `json:"tap"`
	Boot string `json:"boot"`
	Done bool   `json:"done"` // it ended in good order
}

func (t *tap) stateFile() string { return filepath.Join(t.spoolDir, "state.json") }

// begin remembers that a run has begun, and returns what there is to tell of the last.
func (t *tap) begin() ([]batch.Field, error) {
	fields := []batch.Field{{Name: "source", Text: t.src.name}, {Name: "filter", Text: t.filter}, {Name: "version", Text: version()}}
	if t.filter == "" {
		fields = append(fields[:1], fields[2:]...)
	}
	if t.spool == nil {
		return fields, nil
	}
	var last state
	b, err := os.ReadFile(t.stateFile())
	if err == nil {
		err = json.Unmarshal(b, &last)
	}
	if err == nil && last.Tap != t.name {
		return nil, fmt.Errorf("the spool %s is that of tap %s: give another --spool", t.spoolDir, last.Tap)
	}
	if err == nil {
		fields = append(fields, batch.Field{Name: "before", Text: last.Boot})
		if !last.Done {
			fields = append(fields, batch.Field{Name: "before_ended", Text: "killed"})
		}
	}
	return fields, t.save(false)
}

func (t *tap) end() error {
	if t.spool == nil {
		return nil
	}
	return t.save(true)
}

func (t *tap) save(done bool) error {
	b, err := json.Marshal(state{t.name, t.boot, done})
	if err == nil {
		err = os.WriteFile(t.stateFile()+".new", append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(t.stateFile()+".new", t.stateFile())
	}
	return err
}

// account says at the end where everything went.
func (t *tap) account() {
	if t.quiet {
		return
	}
	c, o, s := t.builder.Counts(), t.out.Counts(), t.src.stats()
	say("tap %s: %d events, %d of them messages; %d acknowledged in %d batches", t.name, c.Events, c.Messages, o.Events, o.Sent)
	if t.src.live {
		say("%d packets received, %d dropped by the kernel", s.Capture.Received, s.Capture.Dropped)
	}
	if o.Spool > 0 {
		say("%d bytes wait in %s for the next start", o.Spool, t.spoolDir)
	}
	if n := c.Lost + t.left + o.Dropped; n > 0 {
		say("%d events LOST: %d found no room, %d had nowhere to wait at the end, %d the engine does not take", n, c.Lost, t.left, o.Dropped)
	}
	if c.Cut > 0 {
		say("%d messages cut: the engine takes no longer ones", c.Cut)
	}
	if o.SpoolDamaged > 0 {
		say("%d bytes of the spool were damaged, and passed over", o.SpoolDamaged)
	}
}

// trouble is what was last told.
type trouble struct {
	mu   sync.Mutex
	told string
	at   time.Time
}

// tellTrouble tells what is wrong, once as long as it stays the same.
func (t *tap) tellTrouble(err error) {
	t.trouble.mu.Lock()
	defer t.trouble.mu.Unlock()
	switch {
	case err == nil:
		if t.trouble.told != "" {
			say("tap %s: all is sent again", t.name)
		}
		t.trouble.told = ""
	case err.Error() != t.trouble.told && time.Since(t.trouble.at) > time.Second:
		t.trouble.told, t.trouble.at = err.Error(), time.Now()
		if t.spool != nil {
			say("tap %s: %v: what comes waits in %s", t.name, err, t.spoolDir)
		} else {
			say("tap %s: %v: what comes waits in memory", t.name, err)
		}
	}
}
