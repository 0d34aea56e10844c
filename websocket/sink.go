package websocket

import (
	"context"
	"sync"
	"time"
)

// A sink is the sending end of the channel of Messages or Batches, for all
// pipelines. Its channel is bounded in events and in bytes of payload.
type sink struct {
	ctx      context.Context
	messages chan *Message // one of the two is nil
	batches  chan []Event
	drop     bool
	admits   bool // it drops, and batches, which are dropped event by event before they are sent
	most     room
	batch    room // how much is sent together

	mu       sync.Mutex
	sizes    []room // a ring: of what was sent, n from first on
	first, n int
	waiting  room // their sum
	reserved room // by admit, for what is not yet sent
}

// A room is what events take of a channel.
type room struct {
	events int
	bytes  int64 // of payload
}

func (r *room) add(o room) { r.events += o.events; r.bytes += o.bytes }
func (r *room) sub(o room) { r.events -= o.events; r.bytes -= o.bytes }

const (
	// sendTogether is how many events are sent at a time: waking the receiver for
	// each costs more than all else.
	sendTogether = 64
	// sendBytes is the same in bytes of payload.
	sendBytes = 1 << 18
)

// newMessages returns a sink of Messages, and its channel.
func newMessages(ctx context.Context, cfg *Config) (*sink, chan *Message) {
	s := &sink{ctx: ctx, drop: cfg.OnFull == FullDrop, most: room{cfg.Buffer, cfg.BufferBytes}, batch: room{sendTogether, sendBytes}}
	s.messages = make(chan *Message, cfg.Buffer)
	s.sizes = make([]room, cfg.Buffer+1)
	return s, s.messages
}

// newBatches returns a sink of Batches, and its channel. Where it waits for the
// receiver, batches are what the channel counts. Where it does not, each may hold a
// single event.
func newBatches(ctx context.Context, cfg *Config) (*sink, chan []Event) {
	s := &sink{ctx: ctx, drop: cfg.OnFull == FullDrop, most: room{cfg.Buffer, cfg.BufferBytes}}
	s.batch = room{min(sendTogether, cfg.Buffer), min(sendBytes, cfg.BufferBytes)}
	n := cfg.Buffer
	if !s.drop {
		n = max(1, cfg.Buffer/s.batch.events)
	}
	s.admits = s.drop
	s.batches = make(chan []Event, n)
	s.sizes = make([]room, n+1)
	return s, s.batches
}

// sendMessages sends messages, of so many bytes together, and returns how many it
// did; the others are dropped.
func (s *sink) sendMessages(batch []Event, bytes int64) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	if s.n+len(batch) <= cap(s.messages) && s.waiting.bytes+bytes <= s.most.bytes {
		for _, e := range batch { // none waits, for nobody else sends
			m := e.(*Message)
			s.messages <- m
			s.count(room{1, int64(len(m.Payload))})
		}
		return len(batch)
	}
	for _, e := range batch {
		m := e.(*Message)
		size := room{1, int64(len(m.Payload))}
		if s.fits(size, !s.drop) && send(s, s.messages, m, !s.drop) {
			s.count(size)
			n++
		}
	}
	return n
}

// sendBatch sends a batch, which is the receiver's from then on, or returns false:
// because there is no room, unless it is to wait for that, or because the receiver
// has gone.
func (s *sink) sendBatch(batch []Event, size room, wait bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look() // so that sizes has room
	if !s.drop && !s.fits(size, true) || !send(s, s.batches, batch, wait) {
		return false
	}
	s.count(size)
	if s.drop {
		s.reserved.sub(size)
	}
	return true
}

// admit reserves room for events to be sent in a batch, and returns false where they
// are to be dropped. Those that must not be dropped find room always.
func (s *sink) admit(size room, must bool) bool {
	if !s.drop {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.look(); !must && !s.has(size) {
		return false
	}
	s.reserved.add(size)
	return true
}

// send sends v, and waits for room if it is to.
func send[T any](s *sink, c chan<- T, v T, wait bool) bool {
	select {
	case c <- v:
		return true
	default:
	}
	if !wait {
		return false
	}
	select {
	case c <- v:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// fits says whether there is room for what is to be sent, and waits for it if it is
// to. Only large messages do: with small ones the channel itself fills first. The
// channel does not tell when it empties.
func (s *sink) fits(size room, wait bool) bool {
	for {
		if s.look(); s.waiting.events == 0 || s.waiting.bytes+size.bytes <= s.most.bytes {
			return true
		}
		if !wait {
			return false
		}
		select {
		case <-s.ctx.Done():
			return false
		case <-time.After(time.Millisecond):
		}
	}
}

// has says whether there is room for size more; one message always fits.
func (s *sink) has(size room) bool {
	used := s.waiting
	used.add(s.reserved)
	return used.events == 0 || used.events+size.events <= s.most.events && used.bytes+size.bytes <= s.most.bytes
}

// look sees what has been received.
func (s *sink) look() {
	left := len(s.messages) + len(s.batches)
	for ; s.n > left; s.n-- {
		s.waiting.sub(s.sizes[s.first])
		if s.first++; s.first == len(s.sizes) {
			s.first = 0
		}
	}
}

// count counts what was sent.
func (s *sink) count(size room) {
	next := s.first + s.n
	if next >= len(s.sizes) {
		next -= len(s.sizes)
	}
	s.sizes[next] = size
	s.n++
	s.waiting.add(size)
}
