package websocket

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/inflate"
	"github.com/wstap/wstap/reassembly"
)

// A pipeline takes one Source through decode and reassembly to events, in one
// goroutine, and keeps what its connections share.
type pipeline struct {
	tap    *Tap
	src    capture.Source
	ready  interface{ Ready() bool } // src, if it can say that Next will not wait; else nil
	asm    *reassembly.Assembler
	yield  func(Event, error) bool // borrows; nil where sink is set
	sink   *sink                   // owns
	silent bool                    // neither: all is for Stats alone

	maxMessage    int
	maxBuffered   int
	buffered      int // bytes counted against maxBuffered, by this pipeline
	openings      openingList
	spareOpenings []*opening
	windows       windows

	inflater inflate.Decoder
	packed   []byte // scratch: a compressed payload, unmasked
	plain    []byte // scratch: an unmasked payload
	tested   int    // what evidence cost, in bytes tested
	free     []*assembly
	buffers  [][]byte // for assemblies
	spare    int      // capacity of buffers
	conns    *conn    // those told and not ended

	// The events on loan.
	msg     Message
	open    Open
	gap     Gap
	end     End
	stopped bool // the caller broke off
	unread  int  // packets that were left then

	sending        []*Message // on the way to sink
	sendingBytes   int
	given, dropped atomic.Uint64 // by sink

	mu    sync.Mutex // held while packets are worked on, not while waiting
	stats Stats
}

func newPipeline(t *Tap, src capture.Source, yield func(Event, error) bool, s *sink) *pipeline {
	p := &pipeline{tap: t, src: src, yield: yield, sink: s, silent: yield == nil && s == nil, maxMessage: t.cfg.MaxMessage, maxBuffered: t.cfg.MaxBuffered}
	p.windows.max = t.cfg.MaxWindows
	p.ready, _ = src.(interface{ Ready() bool })
	if s != nil {
		p.sending = make([]*Message, 0, 64)
	}
	p.asm = reassembly.New(t.cfg.Reassembly, p.accept)
	return p
}

// burst is how many packets at most are worked on together, under one lock.
const burst = 32

// A work is what a pipeline works on at a time.
type work struct {
	frames  [burst]capture.Frame
	packets [burst]decode.Packet
	times   [burst]time.Time // of packets
}

// run reads the source to its end. Whatever ends it, what was read is told.
func (p *pipeline) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	stop := context.AfterFunc(ctx, func() { p.src.Close() })
	defer stop()
	w := new(work)
	var err error
	for !p.stopped {
		var n int
		if n, err = capture.NextBatch(p.src, w.frames[:]); n == 0 {
			break
		}
		p.mu.Lock()
		p.work(w, n)
		p.mu.Unlock()
		if len(p.sending) > 0 && (p.ready == nil || !p.ready.Ready()) {
			p.flush()
		}
	}
	if len(p.sending) > 0 {
		p.flush()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// Also before an error: what a cut file holds, or what waits behind a hole.
	p.mu.Lock()
	p.asm.Close()
	p.mu.Unlock()
	if len(p.sending) > 0 {
		p.flush()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// work works on frames.
func (p *pipeline) work(w *work, frames int) {
	n := 0
	for i := range w.frames[:frames] {
		f := &w.frames[i]
		if w.packets[n].DecodeCut(f.Link, f.Data, f.Length) == nil {
			w.packets[n].Interface = f.Interface
			w.times[n] = f.Time
			n++
		} else {
			p.stats.Undecoded++
		}
	}
	p.unread = n - p.asm.Packets(w.packets[:n], w.times[:n])
}

// out gives an event out; the lock is not held meanwhile, for the receiver may
// ask for Stats or take its time.
func (p *pipeline) out(e Event) {
	if p.yield == nil || p.stopped {
		return
	}
	p.mu.Unlock()
	p.stopped = !p.yield(e, nil)
	p.mu.Lock()
	if p.stopped {
		p.asm.Stop()
	}
}

func (p *pipeline) tellMessage(m *Message) {
	if p.stopped { // what is left when the caller breaks off
		p.stats.MessageDropped++
		return
	}
	if p.sink == nil {
		p.stats.Messages++
		p.out(m)
		return
	}
	p.sending = append(p.sending, m)
	p.sendingBytes += len(m.Payload)
	if len(p.sending) == cap(p.sending) || p.sendingBytes > 1<<18 {
		p.mu.Unlock()
		p.flush()
		p.mu.Lock()
	}
}

// flush sends the messages gathered before Next may wait: together, because
// waking the receiver for each costs more than all else.
func (p *pipeline) flush() {
	n := p.sink.send(p.sending)
	p.given.Add(uint64(n))
	p.dropped.Add(uint64(len(p.sending) - n))
	clear(p.sending)
	p.sending, p.sendingBytes = p.sending[:0], 0
}

func (p *pipeline) tellOpen(c *conn, t time.Time) {
	c.info.Number = p.tap.conn.Add(1)
	p.keepHeads(c.info)
	p.stats.Conns++
	c.prev, c.next = nil, p.conns
	if c.next != nil {
		c.next.prev = c
	}
	p.conns = c
	p.open = Open{Time: t, Conn: c.info}
	p.out(&p.open)
}

func (p *pipeline) tellGap(c *conn, dir Direction, n int64, t time.Time) {
	p.stats.LostBytes += uint64(n)
	c.needTraffic().needMore().counts[dir&1].LostBytes += uint64(n)
	p.gap = Gap{Time: t, Conn: c.info, From: dir, Bytes: n}
	p.out(&p.gap)
}

func (p *pipeline) tellEnd(c *conn, cause string, t time.Time) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		p.conns = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	p.tap.heads.Add(-c.info.heads())
	p.end = End{Time: t, Conn: c.info, Cause: cause}
	if tr := c.traffic; tr != nil {
		p.end.Closing = tr.closed()
		for dir := range p.end.Counts {
			p.end.Counts[dir] = tr.counts(Direction(dir))
			p.stats.Traffic[dir].Add(&p.end.Counts[dir])
		}
	}
	p.out(&p.end)
}

// message returns a Message with the payload b, unmasked. If it is known to be
// ASCII ascii is true.
func (p *pipeline) message(b []byte, key uint32, masked bool) (m *Message, ascii bool) {
	if p.sink != nil {
		m = newMessage(len(b))
		return m, unmask(m.Payload, b, key)
	}
	p.msg = Message{Payload: b}
	if masked {
		p.plain = grow(p.plain, len(b))
		p.msg.Payload = p.plain[:len(b)]
		ascii = unmask(p.msg.Payload, b, key)
	}
	return &p.msg, ascii
}

// validText says that b, unmasked, is UTF-8.
func (p *pipeline) validText(b []byte, key uint32) bool {
	p.plain = grow(p.plain, len(b))
	unmask(p.plain, b, key)
	return utf8.Valid(p.plain[:len(b)])
}

// give returns a Message with the payload of an assembly, which may change
// hands with it.
func (p *pipeline) give(a *assembly) *Message {
	if p.sink != nil && len(a.buf) > ownBuffer {
		m := &Message{Payload: a.buf}
		p.reserve(-cap(a.buf))
		a.buf = nil
		return m
	}
	m, _ := p.message(a.buf, 0, false)
	return m
}

func (p *pipeline) newAssembly(f *header, start time.Time, begin int64) *assembly {
	var buf []byte
	if n := len(p.buffers); n > 0 && f.length > 0 {
		buf = p.buffers[n-1]
		p.buffers = p.buffers[:n-1]
		p.spare -= cap(buf)
		p.reserve(cap(buf))
	}
	var a *assembly
	if n := len(p.free); n > 0 {
		a = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		a = &assembly{}
	}
	*a = assembly{buf: buf, start: start, begin: begin, opcode: f.opcode()}
	return a
}

func (p *pipeline) freeAssembly(a *assembly) {
	p.recycle(a.buf)
	a.buf = nil
	if len(p.free) < 256 {
		p.free = append(p.free, a)
	}
}

// maxSpare bounds the bytes of buffers kept for the next message.
const maxSpare = 4 << 20

// recycle takes a buffer back.
func (p *pipeline) recycle(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	p.reserve(-cap(buf))
	if p.spare+cap(buf) <= maxSpare {
		p.spare += cap(buf)
		p.buffers = append(p.buffers, buf[:0])
	}
}

// grow returns a scratch buffer of at least n bytes, whose contents do not
// matter.
func grow(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:cap(b)]
	}
	return make([]byte, max(n, 2*cap(b), 4096))
}

// addStats adds what this pipeline counted, and returns how many packets it left
// when the caller broke off: they count as not captured.
func (p *pipeline) addStats(s *Stats) (unread uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.asm.Stats()
	s.Reassembly.Add(&o)
	s.Undecoded += p.stats.Undecoded
	s.HTTPBytes += p.stats.HTTPBytes
	s.HeaderBytes += p.stats.HeaderBytes
	s.PayloadBytes += p.stats.PayloadBytes
	s.SkippedBytes += p.stats.SkippedBytes
	s.HeldBytes += p.stats.HeldBytes
	s.Messages += p.stats.Messages + p.given.Load()
	s.MessageDropped += p.stats.MessageDropped + p.dropped.Load()
	s.Conns += p.stats.Conns
	s.LostBytes += p.stats.LostBytes
	s.GivenUp += p.stats.GivenUp
	s.WindowsDropped += p.windows.dropped
	s.BufferedBytes += p.buffered
	s.WindowBytes += p.windows.held
	for dir := range s.Traffic {
		s.Traffic[dir].Add(&p.stats.Traffic[dir])
	}
	for c := p.conns; c != nil; c = c.next {
		s.Active++
		if c.traffic != nil {
			for dir := range s.Traffic {
				n := c.traffic.counts(Direction(dir))
				s.Traffic[dir].Add(&n)
			}
		}
	}
	return uint64(p.unread)
}
