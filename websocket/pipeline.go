package websocket

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket/internal/inflate"
)

// A pipeline takes one Source through decode and reassembly to events, in one
// goroutine, and keeps what its connections share.
type pipeline struct {
	tap   *Tap
	src   capture.Source
	asm   *reassembly.Assembler
	yield func(Event, error) bool // borrows; nil where sink is set
	sink  *sink                   // owns

	maxMessage  int
	maxBuffered int
	buffered    int // capacity of all assemblies in use

	inflater inflate.Decoder
	packed   []byte // scratch: a compressed payload, unmasked
	inflated []byte // scratch: an inflated payload
	plain    []byte // scratch: an unmasked payload
	free     []*assembly

	msg     Message // the one that is on loan
	gap     Gap
	stopped bool // the caller broke off

	mu    sync.Mutex // held while a packet is worked on, not while waiting
	stats Stats
}

func newPipeline(t *Tap, src capture.Source, yield func(Event, error) bool, s *sink) *pipeline {
	p := &pipeline{tap: t, src: src, yield: yield, sink: s, maxMessage: t.cfg.MaxMessage, maxBuffered: t.cfg.MaxBuffered}
	p.asm = reassembly.New(t.cfg.Reassembly, p.accept)
	return p
}

// run reads the source to its end. Whatever ends it, what was read is told.
func (p *pipeline) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { p.src.Close() })
	defer stop()
	var f capture.Frame
	var pkt decode.Packet
	var err error
	for !p.stopped {
		if err = p.src.Next(&f); err != nil {
			break
		}
		if pkt.Decode(f.Link, f.Data) != nil {
			continue
		}
		p.mu.Lock()
		p.asm.Packet(&pkt, f.Time)
		p.mu.Unlock()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil || errors.Is(err, io.EOF) {
		p.mu.Lock()
		p.asm.Close()
		p.mu.Unlock()
		return nil
	}
	return err
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
}

func (p *pipeline) tellMessage(m *Message) {
	if p.sink != nil {
		p.mu.Unlock()
		given := p.sink.send(m)
		p.mu.Lock()
		if given {
			p.stats.Messages++
		} else {
			p.stats.MessageDropped++
		}
		return
	}
	p.stats.Messages++
	p.out(m)
}

func (p *pipeline) tellOpen(c *Conn, t time.Time) {
	c.Number = p.tap.conn.Add(1)
	p.stats.Conns++
	p.out(&Open{Time: t, Conn: c})
}

func (p *pipeline) tellGap(c *conn, dir Direction, n int64, t time.Time) {
	p.stats.LostBytes += uint64(n)
	p.gap = Gap{Time: t, Conn: c.info, From: dir, Bytes: n}
	p.out(&p.gap)
}

func (p *pipeline) tellEnd(c *conn, r reassembly.Reason, t time.Time) {
	p.out(&End{Time: t, Conn: c.info, Cause: cause(r)})
}

// message returns a Message with the payload b, unmasked.
func (p *pipeline) message(b []byte, key uint32, masked bool) *Message {
	if p.sink != nil {
		m := newMessage(len(b))
		unmask(m.Payload, b, key)
		return m
	}
	p.msg = Message{Payload: b}
	if masked {
		p.plain = grow(p.plain, len(b))
		p.msg.Payload = p.plain[:len(b)]
		unmask(p.msg.Payload, b, key)
	}
	return &p.msg
}

// give returns a Message with the payload of an assembly, which may change
// hands with it.
func (p *pipeline) give(a *assembly) *Message {
	if p.sink != nil && len(a.buf) > ownBuffer {
		m := &Message{Payload: a.buf}
		p.buffered -= cap(a.buf)
		a.buf = nil
		return m
	}
	return p.message(a.buf, 0, false)
}

func (p *pipeline) newAssembly(f *header, start time.Time) *assembly {
	var a *assembly
	if n := len(p.free); n > 0 {
		a = p.free[n-1]
		p.free = p.free[:n-1]
		p.buffered += cap(a.buf)
	} else {
		a = &assembly{}
	}
	*a = assembly{buf: a.buf[:0], start: start, opcode: f.opcode}
	return a
}

// freeAssembly keeps an assembly for the next message, unless it is large.
func (p *pipeline) freeAssembly(a *assembly) {
	p.buffered -= cap(a.buf)
	if cap(a.buf) <= 1<<16 && len(p.free) < 64 {
		p.free = append(p.free, a)
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
