package websocket

import "slices"

// A slab makes the Messages that belong to their receivers, several with one
// allocation: structs, and behind them the bytes of their payloads, which the
// garbage collector does not look at. A receiver that keeps one of them keeps its
// slab: slabMessages at most, which take 8 KiB, with their Conns. Payloads of more
// than slabPayload bytes have an allocation of their own.
type slab struct {
	messages []Message
	bytes    []byte
	made     int // of messages
	used     int // of bytes
	need     int // bytes that as many payloads like the last took
}

const (
	slabMessages = 16
	slabPayload  = 1 << 10
)

// slabOf is a slab in memory. With the 8 bytes that the allocator puts before it, it
// fills a size class.
type slabOf[B any] struct {
	messages [slabMessages]Message
	bytes    B
}

// message returns a Message with room for n bytes of payload.
func (s *slab) message(n int) *Message {
	if n > slabPayload {
		return newMessage(n)
	}
	if s.made == len(s.messages) || n > len(s.bytes)-s.used {
		s.renew(n)
	}
	m := &s.messages[s.made]
	m.Payload = s.bytes[s.used : s.used+n : s.used+n]
	s.made++
	s.used += n
	return m
}

// takeBack takes the message that was made last and is given to nobody.
func (s *slab) takeBack(m *Message) {
	if s.made == 0 || m != &s.messages[s.made-1] {
		return
	}
	s.made--
	s.used -= cap(m.Payload)
	*m = Message{}
}

// renew makes a slab for payloads like those of the last one, and of n bytes.
func (s *slab) renew(n int) {
	if s.made > 0 {
		s.need = s.used * slabMessages / s.made
	}
	s.made, s.used = 0, 0
	switch need := max(s.need, n); {
	case need <= 1016:
		m := new(slabOf[[1016]byte])
		s.messages, s.bytes = m.messages[:], m.bytes[:]
	case need <= 2040:
		m := new(slabOf[[2040]byte])
		s.messages, s.bytes = m.messages[:], m.bytes[:]
	case need <= 4088:
		m := new(slabOf[[4088]byte])
		s.messages, s.bytes = m.messages[:], m.bytes[:]
	default:
		m := new(slabOf[[6136]byte])
		s.messages, s.bytes = m.messages[:], m.bytes[:]
	}
}

// Clone returns a copy of an event that belongs to the caller.
func Clone(e Event) Event {
	switch e := e.(type) {
	case *Open:
		c := *e
		return &c
	case *Message:
		return e.Clone()
	case *Gap:
		c := *e
		return &c
	case *End:
		c := *e
		c.By, c.Closing = slices.Clone(e.By), slices.Clone(e.Closing)
		return &c
	}
	return nil
}
