package websocket

// A message that belongs to its receiver is one allocation: the struct and the
// payload's bytes behind it, in steps that fill the allocator's size classes.
// The garbage collector looks at the struct only.

// ownBuffer is the longest payload that is allocated with its Message.
const ownBuffer = 32 << 10

// own is a Message with an array of bytes behind it.
type own[B any] struct {
	Message
	b B
}

// with makes payload the message's.
func (m *Message) with(payload []byte) *Message {
	m.Payload = payload
	return m
}

// newMessage returns a Message with room for n bytes of payload.
func newMessage(n int) *Message {
	switch {
	case n == 0:
		return &Message{Payload: []byte{}}
	case n <= 16:
		m := new(own[[16]byte])
		return m.with(m.b[:n:n])
	case n <= 48:
		m := new(own[[48]byte])
		return m.with(m.b[:n:n])
	case n <= 80:
		m := new(own[[80]byte])
		return m.with(m.b[:n:n])
	case n <= 112:
		m := new(own[[112]byte])
		return m.with(m.b[:n:n])
	case n <= 160:
		m := new(own[[160]byte])
		return m.with(m.b[:n:n])
	case n <= 224:
		m := new(own[[224]byte])
		return m.with(m.b[:n:n])
	case n <= 320:
		m := new(own[[320]byte])
		return m.with(m.b[:n:n])
	case n <= 496:
		m := new(own[[496]byte])
		return m.with(m.b[:n:n])
	case n <= 1<<10:
		m := new(own[[1 << 10]byte])
		return m.with(m.b[:n:n])
	case n <= 2<<10:
		m := new(own[[2 << 10]byte])
		return m.with(m.b[:n:n])
	case n <= 4<<10:
		m := new(own[[4 << 10]byte])
		return m.with(m.b[:n:n])
	case n <= 8<<10:
		m := new(own[[8 << 10]byte])
		return m.with(m.b[:n:n])
	case n <= 16<<10:
		m := new(own[[16 << 10]byte])
		return m.with(m.b[:n:n])
	case n <= ownBuffer:
		m := new(own[[ownBuffer]byte])
		return m.with(m.b[:n:n])
	}
	return &Message{Payload: make([]byte, n)}
}
