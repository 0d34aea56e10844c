package outbox

import (
	"errors"
	"slices"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
)

// sent is a batch on its way.
type sent struct {
	b     *batch.Batch
	since time.Time
	done  bool
	err   error
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
