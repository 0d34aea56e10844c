package websocket

import (
	"context"
	"sync"
	"time"
)

// A sink is the sending end of the channel of Messages, for all pipelines. Its
// channel is bounded in messages and in bytes.
type sink struct {
	ctx  context.Context
	out  chan *Message
	drop bool
	max  int64

	mu    sync.Mutex
	sizes []int32 // payload lengths of the messages last sent, a ring
	sent  uint64
	gone  uint64 // messages whose bytes are no longer counted
	bytes int64  // of messages gone..sent
}

func newSink(ctx context.Context, cfg *Config) *sink {
	return &sink{
		ctx:   ctx,
		out:   make(chan *Message, cfg.Buffer),
		drop:  cfg.OnFull == FullDrop,
		max:   cfg.BufferBytes,
		sizes: make([]int32, cfg.Buffer+1),
	}
}

// send sends messages and returns how many it did; the others are dropped.
func (s *sink) send(batch []*Message) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range batch {
		if s.send1(m) {
			n++
		}
	}
	return n
}

func (s *sink) send1(m *Message) bool {
	for !s.room(len(m.Payload)) {
		if s.drop {
			return false
		}
		// Only large messages come here: with small ones the channel itself
		// fills first. The channel does not tell when it empties.
		select {
		case <-s.ctx.Done():
			return false
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case s.out <- m:
	default:
		if s.drop {
			return false
		}
		select {
		case s.out <- m:
		case <-s.ctx.Done():
			return false
		}
	}
	s.sizes[s.sent%uint64(len(s.sizes))] = int32(len(m.Payload))
	s.sent++
	s.bytes += int64(len(m.Payload))
	return true
}

// room says whether n bytes more may wait in the channel.
func (s *sink) room(n int) bool {
	waiting := uint64(len(s.out))
	for s.gone+waiting < s.sent {
		s.bytes -= int64(s.sizes[s.gone%uint64(len(s.sizes))])
		s.gone++
	}
	return waiting == 0 || s.bytes+int64(n) <= s.max
}
