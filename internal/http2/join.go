package http2

import (
	"math"
	"time"

	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/reassembly"
)

// What a Conn does about streams whose request it has not seen: it joined the
// connection when they were open, or lost the frames.

const (
	// maxStreams bounds the streams of which not all was seen.
	maxStreams = 1 << 10
	// patience is for how many bytes of header blocks, and blocks, a server that
	// does not allow WebSockets may yet do so without a loss for them: then blocks
	// are no longer read.
	patience = 64 << 10
)

// Join returns a Conn that is in the midst of a connection: at the beginning of a
// frame in the directions that are in place.
func Join(h Handler, inPlace [2]bool, offsets [2]int64) *Conn {
	c := New(h, 0, offsets)
	c.joined, c.told, c.enabled = true, true, true
	c.miss()
	for dir := range c.sides {
		c.sides[dir].forget()
		c.sides[dir].lost = !inPlace[dir]
	}
	return c
}

// orient looks at who asks: which side is the client may have been a guess.
func (c *Conn) orient(dir reassembly.Direction, k *block) {
	asks := k.method != "" || k.protocol != "" || k.scheme != "" || k.authority != "" || k.path != ""
	if c.joined && asks != (k.status != "") {
		c.joined = false
		c.client = dir
		if k.status != "" {
			c.client = dir.Reverse()
		}
	}
}

// An idRange is of streams: above lo, below hi.
type idRange struct{ lo, hi uint32 }

// miss notes that clients' frames were missed.
func (c *Conn) miss() {
	if c.missed.hi != math.MaxUint32 {
		c.missed = idRange{c.lastID, math.MaxUint32}
	}
}

// unseen says whether a stream's request may have been missed.
func (c *Conn) unseen(id uint32) bool {
	return id&1 != 0 && id > c.missed.lo && id < c.missed.hi && c.enabled
}

// opens notes that the client opens a stream.
func (c *Conn) opens(id uint32) {
	if id > c.lastID {
		c.lastID = id
		if c.missed.hi == math.MaxUint32 {
			c.missed.hi = id
		}
	}
}

// adopt hands out a stream that carries data and whose handshake was not seen.
func (c *Conn) adopt(id uint32, t time.Time) *stream {
	st := c.streams[id]
	if st == nil {
		if len(c.streams) >= maxStreams || !c.handler.Fits(c.Size()+streamCost) {
			return nil
		}
		st = c.newStream(id)
	}
	if st.request == nil && st.response != nil && !st.unclear {
		c.early--
	}
	st.unclear, st.accepted = false, true
	st.gone = [2]int64{c.sides[0].gone, c.sides[1].gone}
	st.sink = c.handler.Found(st.request, st.response, t)
	c.charge(st)
	c.release(st)
	return st
}

// halfSeen says whether data of a direction show that its part of a WebSocket's
// handshake was missed: what comes before them.
func (c *Conn) halfSeen(dir reassembly.Direction, st *stream) bool {
	if st.other || (st.request == nil) == (st.response == nil) {
		return false
	}
	if dir != c.client {
		return st.response == nil
	}
	return st.request == nil && st.response.Status/100 == 2 && !mayBeOther(st.response.Fields)
}

// reject notes that a stream carries no WebSocket.
func (c *Conn) reject(id uint32) {
	c.drop(id)
	if c.unseen(id) && len(c.streams) < maxStreams {
		st := c.newStream(id)
		st.other = true
		c.charge(st)
	}
}

// reads says whether header blocks are read.
func (c *Conn) reads() bool { return c.enabled || c.plain < patience }

// tire counts a header block, or a part, of a connection whose server does not
// allow WebSockets. Most never will: to follow them is to cost next to nothing.
func (c *Conn) tire(s *side) {
	if c.plain += 1 + len(s.buf); c.plain < patience {
		return
	}
	for dir := range c.sides {
		c.sides[dir].forget()
	}
}

// mayBeOther says whether an answer has a field that those to a CONNECT lack.
func mayBeOther(fields http1.Fields) bool {
	return fields.Get("content-type") != "" || fields.Get("content-length") != ""
}
