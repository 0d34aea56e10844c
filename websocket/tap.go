package websocket

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/budget"
	"github.com/wstap/wstap/reassembly"
)

// OnFull says what Messages and Batches do with an event that finds the channel full.
type OnFull uint8

const (
	// FullDefault drops for a live source, which cannot wait, and blocks for
	// any other.
	FullDefault OnFull = iota
	// FullBlock waits for the receiver. A live source meanwhile fills its ring
	// and then loses packets, which its Stats tell.
	FullBlock
	// FullDrop drops the message whole and counts it in Stats. What Batches does
	// with other events is said there.
	FullDrop
)

// Config configures a Tap; nil means the defaults.
type Config struct {
	// OnFull says what Messages and Batches do while their channel is full.
	OnFull OnFull
	// Buffer is the capacity of the channel of Messages or Batches, in events. 0 means
	// 65536: a receiver that the scheduler keeps waiting for a few tenths of a
	// second loses nothing. Where a file waits for the receiver it means 1024, for
	// nothing is lost and what waits is better still in the processor's cache.
	Buffer int
	// BufferBytes bounds the payload bytes waiting in the channel: beyond it the
	// channel counts as full. One message always fits. 0 means 64 MiB.
	BufferBytes int64
	// MaxMessage is how many payload bytes of a message are kept. Longer
	// messages are cut there and flagged Truncated. 0 means 64 MiB.
	MaxMessage int
	// MaxBuffered bounds the memory of what is not finished, over all
	// connections: messages in parts, handshakes, and bytes in which the next
	// frame is looked for. Beyond it connections that may be no WebSockets are
	// given up, those that have been silent longest, and counted in
	// Stats.GivenUp; where that is not enough, a message that would grow is cut.
	// 0 means 128 MiB.
	MaxBuffered int
	// MaxWindows bounds the memory of what compressed messages may refer back
	// to: up to 48 KiB for each direction of a connection. Beyond it the
	// histories that were used least recently are given up, which Stats counts in
	// WindowsDropped; what messages copy from them is Unknown. 0 means
	// 256 MiB, which holds 2,700 connections at least and most often many more.
	MaxWindows int
	// OnlyWebSocket says that all TCP connections of the source are WebSockets, for
	// a filter sees to it. One whose handshake was not captured then needs no more
	// evidence than one frame. False: it is found by what it says.
	OnlyWebSocket bool
	// MaxHeads bounds the bytes that the Conns of connections that go on keep of
	// their handshakes. Beyond it new ones keep no headers and are flagged
	// HeadersDropped. 0 means 128 MiB.
	MaxHeads int
	// Accept chooses connections, each when its Open is due: of one for which it
	// returns false nothing is given out, its messages are neither inflated nor
	// copied, and Stats counts their bytes as they were sent. What can be said by
	// addresses costs least in the source's filter. With a Sharded source Accept is
	// called from several goroutines at the same time. nil: all are wanted.
	Accept func(*Conn) bool
	// Select chooses the messages that are given out. Others are counted in
	// Stats.Unselected and take no room in the channel. nil: all are.
	Select *Selector
	// Keys opens the TLS connections whose secrets it holds, or will hold: what
	// waits for its secrets is kept within MaxWaiting. nil opens none. The Tap
	// does not close it.
	Keys *decrypt.KeyLog
	// MaxWaiting bounds the bytes of TLS that wait for their secrets; beyond it
	// what waits longest is told as gaps, once there is whom to tell. 0 means 64
	// MiB.
	MaxWaiting int
	// Reassembly configures the flow tables; nil means the defaults, but for
	// AckedHoleTimeout, which is two seconds where the source is not live, and the
	// time-outs of silence, which are then longer.
	Reassembly *reassembly.Config
}

// A Tap turns a [capture.Source] into WebSocket events. One of these is called on it,
// once:
//
//   - [Tap.Messages]: a channel of messages, which is all that most programs need.
//   - [Tap.Batches]: a channel of all events, several at a time.
//   - [Tap.Events]: an iteration over all events, on loan, in the caller's goroutine.
//   - [Tap.Count]: nothing but Stats.
//
// There are three ways to end it before its source does:
//
//   - [Tap.Stop]: what the source has captured is still given out.
//   - Context and [Tap.Close]: nothing more is read. What is known of the frames
//     that were read, at most 128 for each pipeline, is still given out where there
//     is room, and counted as dropped where there is none. Connections that go on
//     have no End, and Stats.Active goes on counting them.
//   - Breaking off the iteration of Events: as the context, and nothing more is
//     given out.
type Tap struct {
	src  capture.Source
	cfg  Config
	conn atomic.Uint64 // number of the last Conn

	servers  servers
	stopping context.Context // is done after Stop
	stopped  context.CancelFunc

	recent   sightings
	buffered budget.Pool    // what is counted against MaxBuffered
	heads    atomic.Int64   // bytes counted against MaxHeads
	reading  sync.WaitGroup // pipelines whose source goes on

	mu     sync.Mutex
	err    error // why the first use ended
	again  bool  // ErrUsed is to be returned where err is nil
	used   bool
	closed bool
	cancel context.CancelCauseFunc // ends the use that goes on; nil: none
	pipes  []*pipeline
}

// ErrUsed is returned when Events, Messages, Batches or Count is called on a Tap a
// second time.
var ErrUsed = errors.New("websocket: the Tap is used already")

// errClosed is the end of a Tap that was closed.
var errClosed = fmt.Errorf("websocket: %w", net.ErrClosed)

// NewTap returns a Tap on src, which it takes over: src is closed when the
// iteration or the channel ends, or by [Tap.Close]. A nil cfg means the defaults.
func NewTap(src capture.Source, cfg *Config) *Tap {
	t := &Tap{src: src}
	t.stopping, t.stopped = context.WithCancel(context.Background())
	if cfg != nil {
		t.cfg = *cfg
	}
	live := src.Info().Live
	if t.cfg.OnFull == FullDefault {
		t.cfg.OnFull = FullBlock
		if live {
			t.cfg.OnFull = FullDrop
		}
	}
	t.cfg.Reassembly = patient(t.cfg.Reassembly, live)
	buffer := 65536
	if !live && t.cfg.OnFull == FullBlock {
		buffer = 1024
	}
	t.cfg.Buffer = orDefault(t.cfg.Buffer, buffer)
	t.cfg.BufferBytes = orDefault(t.cfg.BufferBytes, 64<<20)
	t.cfg.MaxMessage = orDefault(t.cfg.MaxMessage, 64<<20)
	t.cfg.MaxBuffered = orDefault(t.cfg.MaxBuffered, 128<<20)
	t.cfg.MaxWindows = orDefault(t.cfg.MaxWindows, 256<<20)
	t.cfg.MaxWaiting = orDefault(t.cfg.MaxWaiting, 64<<20)
	t.cfg.MaxHeads = orDefault(t.cfg.MaxHeads, 128<<20)
	return t
}

// patient lets a recording wait: holes for data that was captured after its
// acknowledgment, as long as clocks of interfaces may differ, and connections for
// hours of silence to end. What they hold has its budgets all the same.
func patient(cfg *reassembly.Config, live bool) *reassembly.Config {
	var c reassembly.Config
	if cfg != nil {
		c = *cfg
	}
	if live {
		return &c
	}
	const forever = 365 * 24 * time.Hour
	const lost = 20 * time.Minute // TCP itself has given up by then (RFC 9293, section 3.8.3)
	for timeout, d := range map[*time.Duration]time.Duration{
		&c.AckedHoleTimeout: 2 * time.Second, &c.HoleTimeout: lost, &c.IdleTimeout: forever, &c.CloseTimeout: forever,
	} {
		if *timeout == 0 {
			*timeout = d
		}
	}
	return &c
}

func orDefault[T int | int64](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// start begins the use of the Tap, which the context that it returns ends: that is
// done with ctx and with Close. It returns false where there was a use before.
func (t *Tap) start(ctx context.Context) (context.Context, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used {
		t.again = true
		return nil, false
	}
	t.used = true
	ctx, t.cancel = context.WithCancelCause(ctx)
	if t.closed {
		t.cancel(errClosed)
	}
	return ctx, true
}

// Stop ends the capture but not the Tap: what the source has captured is still
// given out, every connection ends with cause eof, and then the iteration or the
// channel ends, without an error. Stop does not wait; it may be called from any
// goroutine, also before the Tap is used. The error is that of the source's Stop.
func (t *Tap) Stop() error {
	t.stopped()
	return t.src.Stop()
}

// Close closes the source and ends the Tap at once; of a Tap that is never used it
// is the only end. Err then matches net.ErrClosed. Close may be called from any
// goroutine; closing twice, or after the end, does nothing. It does not wait for
// the end of the iteration or the channel. The error is that of the source's Close.
func (t *Tap) Close() error {
	t.mu.Lock()
	switch t.closed = true; {
	case t.cancel != nil:
		t.cancel(errClosed)
	case t.err == nil: // never used
		t.err = errClosed
	}
	t.mu.Unlock()
	return t.src.Close()
}

// doneError is the error of a use whose context is done. It matches both the
// context's error and its cause.
func doneError(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause == errClosed || errors.Is(cause, ctx.Err()) {
		return cause
	}
	return fmt.Errorf("%w: %w", ctx.Err(), cause)
}

// Events yields what happens, in the caller's goroutine. The Event and what it
// points to, except its Conn, is borrowed until the next iteration. At the end
// of the source the iteration ends; an error of the source or ctx is yielded
// last, with a nil Event. Breaking off ends the Tap.
func (t *Tap) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, ok := t.start(ctx)
		if !ok {
			yield(nil, ErrUsed)
			return
		}
		p := newPipeline(t, t.src, yield, nil)
		t.mu.Lock()
		t.pipes = []*pipeline{p}
		t.mu.Unlock()
		ended := false
		defer func() {
			if !ended { // the loop's body has panicked, or ended its goroutine
				t.finish(nil)
			}
		}()
		err := p.run(ctx)
		ended = true
		t.finish(err)
		if err != nil && !p.stopped {
			yield(nil, err)
		}
	}
}

// Messages returns a channel of the messages of all connections; those of one
// connection come in order. It is closed at the end of the source, when ctx is
// done, or after an error, which Err returns. Who stops receiving earlier must end
// ctx or Close the Tap: what waits for room in the channel waits for that. A Tap
// that is used already returns a closed channel, and Err ErrUsed.
func (t *Tap) Messages(ctx context.Context) <-chan *Message {
	return give(ctx, t, newMessages)
}

// Batches returns a channel of what Events yields, several events at a time, which
// belong to the receiver: it is the fastest channel, and tells handshakes, gaps and
// ends as well. A batch holds at least one event, and what there is at the time. Else
// it is as Messages; Config.Buffer counts events.
//
// Where the channel is full and OnFull drops, messages and gaps are dropped. Open
// then comes with the first event of its connection for which there is room. An End
// waits for room; that of a connection for which there never was any is left out and
// counted in Stats.Untold.
func (t *Tap) Batches(ctx context.Context) <-chan []Event {
	return give(ctx, t, newBatches)
}

// give returns the channel of a new sink, which runs pipelines until it is closed.
func give[T any](ctx context.Context, t *Tap, open func(context.Context, *Config) (*sink, chan T)) <-chan T {
	ctx, ok := t.start(ctx)
	if !ok {
		c := make(chan T)
		close(c)
		return c
	}
	s, c := open(ctx, &t.cfg)
	pipes := t.spread(s)
	go func() {
		t.runAll(ctx, pipes)
		close(c)
	}()
	return c
}

// Count reads the source to its end for Stats alone: everything is decoded and
// counted, and given to nobody. It returns what Err does. A Sharded source is
// read by a goroutine for each shard.
func (t *Tap) Count(ctx context.Context) error {
	ctx, ok := t.start(ctx)
	if !ok {
		return ErrUsed
	}
	t.runAll(ctx, t.spread(nil))
	return t.Err()
}

// spread makes a pipeline for each shard of the source.
func (t *Tap) spread(s *sink) []*pipeline {
	sources := []capture.Source{t.src}
	if sh, ok := t.src.(capture.Sharded); ok {
		sources = sh.Shards()
	}
	t.cfg.share(len(sources))
	var pipes []*pipeline
	for _, src := range sources {
		pipes = append(pipes, newPipeline(t, src, nil, s))
	}
	t.mu.Lock()
	t.pipes = pipes
	t.mu.Unlock()
	return pipes
}

// runAll runs pipelines to their ends. The first error is the Tap's; the shards
// of a file go on to what there is before it, those of a live capture end.
func (t *Tap) runAll(ctx context.Context, pipes []*pipeline) {
	errs := make(chan error, len(pipes))
	for _, p := range pipes {
		go func() {
			err := p.run(ctx)
			errs <- err
			if err != nil && t.src.Info().Live {
				t.src.Close()
			}
		}()
	}
	var first error
	for range pipes {
		if err := <-errs; first == nil {
			first = err
		}
	}
	t.finish(first)
}

// finish sets Err and closes the source.
func (t *Tap) finish(err error) {
	closeErr := t.src.Close()
	if err == nil {
		err = closeErr
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err, t.again = err, false
	t.cancel(nil) // frees what the context holds
}

// Err returns why Events, Messages, Batches or Count ended: nil while they run and after the
// end of the source; after its context was done an error that matches both the
// context's error and its cause; one that matches net.ErrClosed after Close;
// otherwise the source's error.
//
// Where that is nil, Err returns ErrUsed after a second use was refused. A refusal
// while the first use runs is forgotten when that ends, so that the first user sees
// the end of the first use.
func (t *Tap) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && t.again {
		return ErrUsed
	}
	return t.err
}

// share divides budgets that pipelines cannot share among n of them.
func (cfg *Config) share(n int) {
	r := cfg.Reassembly.Defaults()
	r.MaxFlows = max(1, r.MaxFlows/n)
	r.MaxBytes = max(r.MaxBytes/n, r.MaxFlowBytes)
	r.MaxFragmentBytes = max(1, r.MaxFragmentBytes/n)
	if r.RecentBytes > 0 {
		r.RecentBytes = max(1, r.RecentBytes/n)
	}
	cfg.Reassembly = &r
	cfg.MaxWindows = max(1, cfg.MaxWindows/n)
	cfg.MaxWaiting = max(1, cfg.MaxWaiting/n)
}
