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
	"slices"
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

// sent is a batch on its way.
type sent struct {
	b     *batch.Batch
	since time.Time
	done  bool
	err   error
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

// unread says that the spool has something to send, or will have.
func (o *Outbox) unread() bool {
	return o.spooling || o.cfg.Spool != nil && o.cfg.Spool.Unread()
}

// send is the sender.
func (o *Outbox) send() {
	defer close(o.ended)
	pause := time.Duration(0)
	for {
		o.mu.Lock()
		for !o.given && !o.ready() {
			o.change.Wait()
		}
		if o.given {
			o.mu.Unlock()
			return
		}
		if o.failed {
			err := o.again()
			o.mu.Unlock()
			o.cfg.Trouble(err)
			pause = min(max(2*pause, 100*time.Millisecond), 5*time.Second)
			o.sleep(pause)
			continue
		}
		if !o.down {
			pause = 0
		}
		s, err := o.next()
		o.mu.Unlock()
		if err != nil {
			o.cfg.Trouble(err)
			o.sleep(time.Second)
		}
		if s != nil {
			o.cfg.Engine.Publish(s.b, func(err error) { o.answered(s, err) })
		}
	}
}

// sleep waits, but not beyond the end.
func (o *Outbox) sleep(d time.Duration) {
	select {
	case <-o.quit:
	case <-time.After(d):
	}
}

// ready says that there is something to do for the sender.
func (o *Outbox) ready() bool {
	if o.failed { // what is on its way is answered first
		return !slices.ContainsFunc(o.flight, func(s *sent) bool { return !s.done })
	}
	window := o.cfg.Window
	if o.down {
		window = 1 // one that asks whether the engine is back
	}
	if len(o.flight) >= window || o.flying > windowBytes {
		return false
	}
	// The spool is older than the queue. What is on its way is all of one of them.
	switch {
	case o.cfg.Spool != nil && o.cfg.Spool.Unread():
		return len(o.flight) == 0 || o.onDisk
	case o.spooling:
		return false
	}
	return len(o.queue) > 0 && (len(o.flight) == 0 || !o.onDisk)
}

// next takes what is to be sent next.
func (o *Outbox) next() (*sent, error) {
	s := &sent{since: time.Now()}
	if o.cfg.Spool != nil && o.cfg.Spool.Unread() {
		rec, ok, err := o.cfg.Spool.Next()
		if !ok || err != nil {
			return nil, err
		}
		b, err := batch.ParseRecord(rec)
		if err != nil { // its checksum is right: another version wrote it, or no tap
			o.counts.Dropped++
			b = nil
		}
		o.onDisk = true
		s.b = b
		if b == nil {
			s.done = true
			o.flight = append(o.flight, s)
			o.settle()
			return nil, nil
		}
	} else {
		o.onDisk = false
		s.b = o.first()
		o.queued -= size(s.b)
	}
	o.flying += size(s.b)
	o.flight = append(o.flight, s)
	o.change.Broadcast() // there is room
	return s, nil
}

// first takes the first batch out of the queue.
func (o *Outbox) first() *batch.Batch {
	b := o.queue[0]
	o.queue[0] = nil
	o.queue = o.queue[1:]
	return b
}

// answered takes the engine's answer.
func (o *Outbox) answered(s *sent, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.done {
		return
	}
	s.done = true
	if errors.Is(err, ErrPermanent) {
		o.counts.Dropped += s.b.N
		go o.cfg.Trouble(err)
		err = nil
	} else if err == nil {
		o.counts.Sent++
		o.counts.Events += s.b.N
		o.counts.Bytes += uint64(len(s.b.Lines))
		o.counts.Acknowledged = time.Now()
	}
	s.err = err
	if err != nil {
		o.failed = true
		o.counts.EngineTroubles++
	} else {
		if o.down && !o.failed {
			o.down = false
			go o.cfg.Trouble(nil)
		}
		o.settle()
	}
	o.change.Broadcast()
}

// settle forgets what is acknowledged, in order.
func (o *Outbox) settle() {
	n := 0
	for n < len(o.flight) && o.flight[n].done && o.flight[n].err == nil {
		if b := o.flight[n].b; b != nil {
			o.flying -= size(b)
		}
		n++
	}
	o.flight = slices.Delete(o.flight, 0, n)
	if o.onDisk && n > 0 {
		o.cfg.Spool.Release(n)
	}
}

// again has everything from the first batch that failed on sent once more.
func (o *Outbox) again() error {
	var err error
	for _, s := range o.flight {
		if s.err != nil {
			err = s.err
			break
		}
	}
	o.counts.Resent += uint64(len(o.flight))
	o.failed, o.down = false, true
	if o.toDisk() {
		o.cfg.Spool.Rewind()
	} else { // before all else, but for what may be in a spool that takes nothing
		list := make([]*batch.Batch, 0, len(o.flight)+len(o.queue))
		for _, s := range o.flight {
			list = append(list, s.b)
			o.queued += size(s.b)
		}
		o.queue = append(list, o.queue...)
	}
	o.flight, o.flying = nil, 0
	o.change.Broadcast()
	return err
}

// toDisk sees to it that what is on its way is in the spool, and says whether it is.
func (o *Outbox) toDisk() bool {
	if o.onDisk || o.cfg.Spool == nil || len(o.flight) == 0 {
		return o.onDisk && len(o.flight) > 0
	}
	records := make([][]byte, len(o.flight))
	for i, s := range o.flight {
		records[i] = s.b.Append(nil)
	}
	if err := o.cfg.Spool.Prepend(records); err != nil {
		o.counts.SpoolTroubles++
		return false
	}
	o.counts.Spooled += uint64(len(records))
	o.onDisk = true
	return true
}

// watch looks whether the engine answers.
func (o *Outbox) watch() {
	for {
		o.sleep(o.cfg.Patience / 4)
		o.mu.Lock()
		if o.given {
			o.mu.Unlock()
			return
		}
		late := false
		if len(o.flight) > 0 {
			late = time.Since(o.flight[0].since) > o.cfg.Patience
		}
		if late && !o.failed {
			fresh := !o.down
			o.down = true
			o.toDisk()
			o.change.Broadcast()
			if fresh {
				go o.cfg.Trouble(errors.New("the engine does not answer"))
			}
		}
		o.mu.Unlock()
	}
}

// spills says that what is in the queue goes to the disk.
func (o *Outbox) spills() bool {
	return o.down || o.hurry || o.queued > o.cfg.Queue/2 && !(o.cfg.Waits && !o.hasty)
}

// spool is the spooler.
func (o *Outbox) spool() {
	defer close(o.spun)
	if o.cfg.Spool == nil {
		return
	}
	for {
		o.mu.Lock()
		for len(o.queue) == 0 || !o.spills() {
			if o.given {
				o.mu.Unlock()
				return
			}
			o.change.Wait()
		}
		b := o.first()
		o.spooling = true
		o.mu.Unlock()

		err := o.cfg.Spool.Append(b.Append(nil))

		o.mu.Lock()
		o.spooling = false
		o.stuck = err != nil
		if err == nil {
			o.queued -= size(b)
			o.counts.Spooled++
		} else {
			o.queue = append([]*batch.Batch{b}, o.queue...)
			if !errors.Is(err, spool.ErrFull) {
				o.counts.SpoolTroubles++
			}
		}
		hurry := o.hurry
		o.change.Broadcast()
		o.mu.Unlock()
		if err != nil {
			if hurry {
				return // what is left is lost, and Close says so
			}
			if !errors.Is(err, spool.ErrFull) {
				o.cfg.Trouble(err)
			}
			time.Sleep(100 * time.Millisecond) // the sender may have it meanwhile, or the disk room
		}
	}
}

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
