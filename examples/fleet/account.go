package main

import (
	"sync"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
)

// fields are the accounts of a tap, for its own events.
func (t *tap) fields() []batch.Field {
	c, s := t.builder.Counts(), t.src.stats()
	return []batch.Field{
		{Name: "events", N: c.Events}, {Name: "messages", N: c.Messages}, {Name: "lost", N: c.Lost},
		{Name: "packets_received", N: s.Capture.Received}, {Name: "packets_dropped", N: s.Capture.Dropped},
		{Name: "lost_bytes", N: s.LostBytes},
	}
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
