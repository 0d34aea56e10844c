package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/internal/frame"
	"github.com/wstap/wstap/internal/inflate"
	"github.com/wstap/wstap/internal/resync"
	"github.com/wstap/wstap/reassembly"
)

// A pipeline takes one Source through decode and reassembly to events, in one
// goroutine, and keeps what its connections share.
type pipeline struct {
	tap     *Tap
	src     capture.Source
	asm     *reassembly.Assembler
	opener  *decrypt.Opener
	last    time.Time               // of the packets worked on
	yield   func(Event, error) bool // borrows; nil where sink is set
	wasRead func()                  // tells the Tap that the source is at its end
	sink    *sink                   // owns
	silent  bool                    // neither, nor a selection: all is for Stats alone
	unseen  bool                    // the same, and nobody is asked for Config.Accept: Conns are seen by who calls Tap.Conns

	moments        uint64 // that were made
	maxMessage     int
	budget         *budget.Budget
	spareOpenings  []*opening
	spareFronts    []*front
	sightings      []sighting // not used yet
	spareSightings []*sighting

	inflater  inflate.Decoder
	histories inflate.Histories
	tester    resync.Tester
	packed    []byte // scratch: a compressed payload, unmasked
	plain     []byte // scratch: an unmasked payload
	patched   []byte // scratch: a text of which bytes are unknown
	free      []*assembly
	buffers   [][]byte // for assemblies
	spare     int      // capacity of buffers

	// The events on loan.
	msg     Message
	open    Open
	gap     Gap
	end     End
	stopped bool // the caller broke off
	unread  int  // packets that were left then

	slab            slab
	sending         []Event // on the way to sink
	sendingMessages int     // of sending
	sendingBytes    int     // of their payload

	counts Stats   // what the pipeline's goroutine counts, but for
	total  traffic // of all connections

	// mu guards the connections told and what is counted of each. The goroutine
	// holds it while it works on packets where nobody is called meanwhile, and
	// otherwise for each change: see lock.
	mu     sync.Mutex
	busy   bool // mu is held
	ending bool // only ends are to be told, and mu is not held meanwhile
	told   roll

	// published are counts as they were after the last packets.
	published struct {
		sync.Mutex
		Stats
		unread uint64
	}
	given, dropped atomic.Uint64 // messages, by sink
}

func newPipeline(t *Tap, src capture.Source, yield func(Event, error) bool, s *sink) *pipeline {
	p := &pipeline{tap: t, src: src, yield: yield, sink: s, silent: yield == nil && s == nil && t.cfg.Select == nil, maxMessage: t.cfg.MaxMessage}
	p.unseen = p.silent && t.cfg.Accept == nil
	p.budget = budget.New(&t.buffered, t.cfg.MaxBuffered)
	p.histories = inflate.NewHistories(t.cfg.MaxWindows)
	p.tester.Inflater = &p.inflater
	if s != nil {
		p.sending = make([]Event, 0, sendTogether)
	}
	t.reading.Add(1)
	p.wasRead = sync.OnceFunc(t.reading.Done)
	p.opener = decrypt.NewOpener(t.cfg.Keys, &decrypt.Config{MaxWaiting: t.cfg.MaxWaiting})
	p.asm = reassembly.New(t.cfg.Reassembly, p.accept)
	return p
}

// burst is how many packets at most are worked on together.
const burst = 64

// perRead is how many frames at most are read at a time. After each Read counters are
// published and messages sent, which wakes their receiver: a burst is too little for that.
const perRead = 2 * burst

// A work is what a pipeline works on at a time.
type work struct {
	frames  [perRead]capture.Frame
	packets [burst]decode.Packet
	further uint64 // which packets are not the first of their frame, a bit each
}

// run reads the source to its end. Whatever ends it, what was read is given out.
func (p *pipeline) run(ctx context.Context) error {
	defer p.wasRead()
	if ctx.Err() != nil {
		return doneError(ctx)
	}
	stop := context.AfterFunc(ctx, func() { p.src.Close() })
	defer stop()
	w := new(work)
	live := p.src.Info().Live
	var err error
	for !p.stopped && ctx.Err() == nil { // the source closes a little later
		var n int
		if n, err = p.read(w.frames[:]); err != nil {
			break
		}
		switch {
		case n > 0:
			p.work(w, n)
		case live:
			p.tick(w.frames[0].Time)
		default:
			return fmt.Errorf("websocket: the source gives nothing: %w", io.ErrNoProgress)
		}
		p.publish()
		if len(p.sending) > 0 {
			p.flush() // the next Read may wait
		}
	}
	if ctx.Err() != nil {
		return doneError(ctx)
	}
	// Also before an error: what a cut file holds, or what waits behind a hole.
	p.finish()
	p.finishTLS(ctx)
	p.publish()
	if len(p.sending) > 0 {
		p.flushTo(p.batching() || !p.sink.drop)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// finish tells what is left.
func (p *pipeline) finish() {
	p.begin()
	if !p.silent { // a receiver is waited for
		p.ending = true
		p.done()
	}
	p.asm.Close()
	p.done()
}

// work works on frames.
func (p *pipeline) work(w *work, frames int) {
	n := 0
	for i := range w.frames[:frames] {
		f := &w.frames[i]
		if n == burst {
			if !p.assemble(w, n, frames-i) {
				return
			}
			n = 0
		}
		q := &w.packets[n]
		q.Interface, q.Time = f.Interface, f.Time
		if err := q.DecodeCut(f.Link, f.Data, f.Length); err == nil {
			n++
		} else {
			p.undecoded(err)
		}
		if q.LinkGuessed {
			p.counts.Guessed++
		}
		if q.More() {
			if n = p.further(w, *q, n, frames-i-1); n < 0 {
				return
			}
		}
	}
	p.assemble(w, n, 0)
}

// tick moves the clock of a live source on to t while nothing comes, so that what
// waits behind a hole does not wait for the next packet. The time of a file is that
// of its packets alone.
func (p *pipeline) tick(t time.Time) {
	if !t.IsZero() {
		p.begin()
		p.asm.Advance(t)
		p.done()
	}
}

// undecoded counts a packet that could not be read.
func (p *pipeline) undecoded(err error) {
	p.counts.Undecoded++
	switch {
	case errors.Is(err, decode.ErrTruncated):
		p.counts.CutHeaders++
	case errors.Is(err, decode.ErrLinkType):
		p.counts.OddLinks++
	}
}

// assemble gives n packets to the assembler. It returns false if the caller has
// broken off; then those that are left, and the frames behind them, are unread.
func (p *pipeline) assemble(w *work, n, behind int) bool {
	taken := 0
	for {
		p.begin()
		taken += p.asm.Packets(w.packets[taken:n])
		if taken > 0 {
			p.last = w.packets[taken-1].Time
		}
		p.done()
		if taken == n || p.stopped {
			break
		}
		p.flush() // there was no room for more messages
	}
	p.unread += n - taken
	if p.stopped {
		further := bits.OnesCount64(w.further >> taken)
		p.counts.Aggregated -= uint64(further)
		p.unread += behind - further
	}
	w.further = 0
	return !p.stopped
}

// further adds the further packets of a frame to the n that are waiting. It
// returns how many wait then, or -1 if the caller has broken off.
func (p *pipeline) further(w *work, q decode.Packet, n, behind int) int {
	for q.More() {
		if n == burst {
			if !p.assemble(w, n, behind) {
				return -1
			}
			n = 0
		}
		_, err := q.Next()
		p.counts.Aggregated++
		if err != nil {
			p.undecoded(err)
			continue
		}
		w.packets[n] = q
		w.further |= 1 << n
		n++
	}
	return n
}

// begin and done stand around the work on packets. An event on loan is given out
// in the midst of it, and its receiver may ask for Conns: then mu is not held.
func (p *pipeline) begin() {
	if p.yield == nil {
		p.mu.Lock()
		p.busy = true
	}
}

func (p *pipeline) done() {
	if p.busy {
		p.busy = false
		p.mu.Unlock()
	}
}

// lock and unlock stand around each change to what mu guards.
func (p *pipeline) lock() {
	if !p.busy {
		p.mu.Lock()
	}
}

func (p *pipeline) unlock() {
	if !p.busy {
		p.mu.Unlock()
	}
}

// publish makes what was counted visible to Stats.
func (p *pipeline) publish() {
	c := &p.counts
	c.Reassembly = p.asm.Stats()
	c.TLS = p.opener.Stats()
	p.total.copyTo(&c.Traffic)
	c.WindowsDropped = p.histories.Dropped()
	c.WindowBytes = p.histories.Held()
	c.BufferedBytes = p.budget.Held()
	c.Active = uint64(p.told.Len())
	pub := &p.published
	pub.Lock()
	pub.Stats = *c
	pub.GivenUp += p.budget.GivenUp()
	pub.unread = uint64(p.unread)
	pub.Unlock()
}

// addStats adds what this pipeline counted, and returns how many packets it left
// when the caller broke off: they count as not captured.
func (p *pipeline) addStats(s *Stats) (unread uint64) {
	p.published.Lock()
	defer p.published.Unlock()
	s.add(&p.published.Stats)
	s.Messages += p.given.Load()
	s.MessageDropped += p.dropped.Load()
	return p.published.unread
}

// message returns a Message with the payload b, unmasked. If it is known to be
// ASCII ascii is true.
func (p *pipeline) message(b []byte, key uint32, masked bool) (m *Message, ascii bool) {
	if p.sink != nil {
		m = p.slab.message(len(b))
		return m, frame.Mask(m.Payload, b, key)
	}
	p.msg = Message{Payload: b}
	if masked {
		p.plain = grow(p.plain, len(b))
		p.msg.Payload = p.plain[:len(b)]
		ascii = frame.Mask(p.msg.Payload, b, key)
	}
	return &p.msg, ascii
}
