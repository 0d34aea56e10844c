// Package outbox brings batches to an engine without ever holding up who makes them: a
// bounded queue, then a spool on disk, then a refusal.
//
// Batches arrive at least once and, but for what an engine itself refuses in between, in
// their order. What is sent and not yet acknowledged stays in memory while the engine
// answers; when it does not, it goes to the disk too, with all that comes.
package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/spool"
)

// An Engine takes batches.
type Engine interface {
	// Publish sends a batch and calls done once, from any goroutine, when the engine has
	// it for good or it has failed. It may wait, but not for the engine's answer.
	Publish(b *batch.Batch, done func(error))
}

// ErrPermanent is matched by the error of a batch that the engine will never take.
var ErrPermanent = errors.New("the engine will never take it")

// Config configures an Outbox.
type Config struct {
	Engine Engine
	Spool  *spool.Spool // nil: there is none
	Queue  int64        // bytes that wait in memory. 0 means 16 MiB
	Window int          // batches sent and not acknowledged. 0 means 64
	// Waits says that Put is called with Wait: a full queue is then no reason to write to
	// the disk, but an engine that does not answer is.
	Waits bool
	// Patience is how long the engine may leave a batch without an answer until what is in
	// memory goes to the spool. 0 means 2 s.
	Patience time.Duration
	// Trouble is told what went wrong, and nil when all is well again. It is called with
	// nothing held, and must not wait. May be nil.
	Trouble func(error)
}

// windowBytes bounds what is sent and not acknowledged, besides Window.
const windowBytes = 8 << 20

// An Outbox has two goroutines: the sender, and the spooler which writes what does not
// fit into the queue to the disk.
type Outbox struct {
	cfg Config

	mu       sync.Mutex
	change   *sync.Cond
	queue    []*batch.Batch
	queued   int64 // bytes of queue, and of what is on its way to the spool
	spooling bool  // a batch is on its way to the spool
	stuck    bool  // the spool takes nothing just now
	full     bool  // a batch was refused, and there is not yet room enough again
	flight   []*sent
	flying   int64 // bytes of flight
	onDisk   bool  // flight came from the spool, or was written there
	failed   bool  // one of flight
	down     bool  // the engine does not answer
	hasty    bool  // no Put waits any more
	closed   bool  // no Put comes any more
	given    bool  // nor does anything go out
	hurry    bool  // what is in the queue goes to the spool, for the end

	counts Counts
	quit   chan struct{} // closed when given is set
	ended  chan struct{} // the sender has
	spun   chan struct{} // the spooler has
}

// Counts are accounts of an Outbox.
type Counts struct {
	Sent, Bytes    uint64 // batches acknowledged, and bytes of their lines
	Events         uint64 // of these batches
	Spooled        uint64 // batches written to the spool
	Resent         uint64 // batches sent more than once
	Refused        uint64 // batches that found no room
	Dropped        uint64 // events that the engine will never take, or of records that say nothing
	Queued, Spool  int64  // bytes that wait
	Up             bool
	Acknowledged   time.Time // the last time
	SpoolDamaged   uint64    // bytes
	SpoolTroubles  uint64    // writes that failed
	EngineTroubles uint64    // failures of the engine
}

// New returns an Outbox that sends until Close.
func New(cfg Config) *Outbox {
	if cfg.Queue == 0 {
		cfg.Queue = 16 << 20
	}
	if cfg.Window == 0 {
		cfg.Window = 64
	}
	if cfg.Patience == 0 {
		cfg.Patience = 2 * time.Second
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(error) {}
	}
	o := &Outbox{cfg: cfg, quit: make(chan struct{}), ended: make(chan struct{}), spun: make(chan struct{})}
	o.change = sync.NewCond(&o.mu)
	o.counts.Up = true
	go o.send()
	go o.spool()
	go o.watch()
	return o
}

// How Put treats a batch for which there is no room.
type Room int

const (
	Refuse Room = iota
	Wait        // until there is room
	Force       // take it all the same: for the few that tell of the end
)

// Put takes a batch, or refuses it. The batch is the Outbox's then.
func (o *Outbox) Put(b *batch.Batch, r Room) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := size(b)
	for r == Wait && o.queued+n > o.cfg.Queue && o.queued > 0 && !o.hasty {
		o.change.Wait()
	}
	o.full = o.queued+n > o.cfg.Queue || o.full && o.queued > o.cfg.Queue/4*3
	if r == Wait && o.hasty {
		r = Refuse
	}
	if o.closed || r == Refuse && o.full && o.queued > 0 {
		o.counts.Refused++
		return false
	}
	o.queue = append(o.queue, b)
	o.queued += n
	o.change.Broadcast()
	return true
}

// Hasten ends the waiting of Put, now and later: what does not find room is refused.
func (o *Outbox) Hasten() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hasty = true
	o.change.Broadcast()
}

func size(b *batch.Batch) int64 { return int64(len(b.Lines)) + 256 }

// Drain waits until everything is acknowledged, or ctx is done.
func (o *Outbox) Drain(ctx context.Context) { o.await(ctx, func() bool { return false }) }

// await waits as Drain does, or until enough says so.
func (o *Outbox) await(ctx context.Context, enough func() bool) {
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		o.change.Broadcast()
		o.mu.Unlock()
	})
	defer stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for ctx.Err() == nil && !enough() && (len(o.queue) > 0 || len(o.flight) > 0 || o.unread()) {
		o.change.Wait()
	}
}

// Close waits until everything is acknowledged, ctx is done, or there is a spool and the
// engine does not answer; what is left goes to the spool. It returns the number of events that nobody has: 0 where there is a spool with
// room. The Engine is not called any more, but may still answer.
func (o *Outbox) Close(ctx context.Context) (lost uint64) {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.await(ctx, func() bool { return o.down && o.cfg.Spool != nil })
	o.mu.Lock()
	o.given = true
	close(o.quit)
	o.change.Broadcast()
	o.mu.Unlock()
	<-o.ended
	o.mu.Lock()
	if !o.toDisk() {
		for _, s := range o.flight {
			if s.b != nil && (!s.done || s.err != nil) {
				lost += s.b.N
			}
		}
	}
	o.hurry = true
	o.change.Broadcast()
	o.mu.Unlock()
	<-o.spun
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range o.queue {
		lost += b.N
	}
	return lost
}

// Counts returns the accounts so far.
func (o *Outbox) Counts() Counts {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.counts
	c.Queued, c.Up = o.queued, !o.down
	if o.cfg.Spool != nil {
		c.Spool, c.SpoolDamaged = o.cfg.Spool.Size(), o.cfg.Spool.Damaged()
	}
	return c
}
