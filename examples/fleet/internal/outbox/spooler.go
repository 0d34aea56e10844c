package outbox

import (
	"errors"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/spool"
)

// unread says that the spool has something to send, or will have.
func (o *Outbox) unread() bool {
	return o.spooling || o.cfg.Spool != nil && o.cfg.Spool.Unread()
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
