package decrypt

import (
	"context"
	"time"

	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/list"
	"github.com/wstap/wstap/reassembly"
)

// Config configures an Opener; nil means the defaults.
type Config struct {
	// MaxWaiting bounds the bytes that wait for their secrets, over all
	// connections of the Opener; a quarter of it those of one connection. Beyond
	// it what waits longest is given up: it is a gap to what follows. 0: 64 MiB.
	MaxWaiting int
}

// An Opener opens the TLS connections of one goroutine, that of a
// reassembly.Assembler. It holds what they share.
type Opener struct {
	keys       *KeyLog // nil: nothing is opened, but told
	maxWaiting int
	budget     *budget.Budget
	waiting    list.List[Conn] // for secrets
	version    uint64          // of keys, when they were tried last
	due        time.Time       // when all may be tried again
	scratch    scratch
	buffers    [][]byte // for plaintext
	records    [][]byte // for records in pieces
	effort     effort
	tooLate    bool  // for Opener.TooLate
	names      names // servers' of connections that are not opened
	others     names // of what is not supported
	stats      Stats
}

// NewOpener returns an Opener with the secrets of a log. Without a log it tells
// what it sees and opens nothing.
func NewOpener(keys *KeyLog, cfg *Config) *Opener {
	o := &Opener{keys: keys, maxWaiting: 64 << 20, effort: effort{left: maxEffort}}
	if cfg != nil && cfg.MaxWaiting > 0 {
		o.maxWaiting = cfg.MaxWaiting
	}
	o.budget = budget.New(new(budget.Pool), o.maxWaiting)
	return o
}

// Waiting says that connections wait for their secrets.
func (o *Opener) Waiting() bool { return o.waiting.Len() > 0 }

// TooLate says, of the Gap that a Consumer is being told, that what is missing was
// captured: it waited for its secrets, until it was given up.
func (o *Opener) TooLate() bool { return o.tooLate }

// Changed returns a channel that is closed when the log has secrets that it had
// not when Changed was called: then Retry is due.
func (o *Opener) Changed() <-chan struct{} { return o.keys.wait() }

// Retry opens what waited for secrets that are there now. To ask for all waiting
// connections takes a while, and is not done more than a tenth of the time: where
// it is too early, Retry does nothing and returns for how long to wait.
func (o *Opener) Retry() (wait time.Duration) {
	if o.keys == nil || o.keys.version.Load() == o.version {
		return 0
	}
	began := time.Now()
	if wait = o.due.Sub(began); wait > 0 {
		return wait
	}
	o.retryAll()
	took := time.Since(began)
	o.due = began.Add(10 * took)
	return 0
}

func (o *Opener) retryAll() {
	o.version = o.keys.version.Load()
	all := make([]*Conn, 0, o.waiting.Len())
	for c := o.waiting.First(); c != nil; c = c.node.Next() {
		all = append(all, c)
	}
	for _, c := range all {
		if c.node.Linked() { // others may be given up meanwhile
			c.retry()
		}
	}
}

// Finish gives up what still waits, at the end of the source. Where lines of the
// log come from a pipe, it waits for its end first, or for ctx.
func (o *Opener) Finish(ctx context.Context, t time.Time) {
	for o.Waiting() && o.keys.pending.Load() > 0 && ctx.Err() == nil {
		changed := o.Changed()
		o.retryAll()
		if !o.Waiting() || o.keys.pending.Load() == 0 {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	if o.Waiting() {
		o.retryAll()
	}
	for c := o.waiting.First(); c != nil; c = o.waiting.First() {
		c.giveUp(t)
	}
}

// buffer returns a buffer for the plaintext of a record; done gives it back.
// Connections may be inside of others, so that several are in use.
func (o *Opener) buffer() []byte {
	n := len(o.buffers)
	if n == 0 {
		return make([]byte, maxRecord)
	}
	b := o.buffers[n-1]
	o.buffers = o.buffers[:n-1]
	return b
}

func (o *Opener) done(b []byte) { o.buffers = append(o.buffers, b) }

// maxSpare is how many buffers for records in pieces are kept.
const maxSpare = 64

// pieces returns an empty buffer for a record of n bytes in pieces.
func (o *Opener) pieces(n int) []byte {
	if last := len(o.records) - 1; last >= 0 {
		b := o.records[last]
		o.records = o.records[:last]
		if cap(b) >= n {
			return b
		}
	}
	return make([]byte, 0, max(n, 2048))
}

func (o *Opener) free(b []byte) {
	if cap(b) > 0 && cap(b) <= 2*maxRecord && len(o.records) < maxSpare {
		o.records = append(o.records, b[:0])
	}
}

// A Place is where a Conn stands: a *reassembly.Flow, or another Conn.
type Place interface {
	// SetConsumer is as [reassembly.Flow.SetConsumer].
	SetConsumer(reassembly.Consumer)
	// Ignore is as [reassembly.Flow.Ignore].
	Ignore()
}
