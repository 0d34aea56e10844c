package websocket

// A message that belongs to its receiver is one allocation: the struct and the
// payload's bytes behind it, in steps that fill the allocator's size classes.
// The garbage collector looks at the struct only.

// ownBuffer is the longest payload that is allocated with its Message.
const ownBuffer = 32 << 10

type (
	own16 struct {
		Message
		b [16]byte
	}
	own48 struct {
		Message
		b [48]byte
	}
	own80 struct {
		Message
		b [80]byte
	}
	own112 struct {
		Message
		b [112]byte
	}
	own160 struct {
		Message
		b [160]byte
	}
	own224 struct {
		Message
		b [224]byte
	}
	own320 struct {
		Message
		b [320]byte
	}
	own496 struct {
		Message
		b [496]byte
	}
	own1k struct {
		Message
		b [1 << 10]byte
	}
	own2k struct {
		Message
		b [2 << 10]byte
	}
	own4k struct {
		Message
		b [4 << 10]byte
	}
	own8k struct {
		Message
		b [8 << 10]byte
	}
	own16k struct {
		Message
		b [16 << 10]byte
	}
	own32k struct {
		Message
		b [32 << 10]byte
	}
)

// newMessage returns a Message with room for n bytes of payload.
func newMessage(n int) *Message {
	switch {
	case n == 0:
		return &Message{Payload: []byte{}}
	case n <= 16:
		m := new(own16)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 48:
		m := new(own48)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 80:
		m := new(own80)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 112:
		m := new(own112)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 160:
		m := new(own160)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 224:
		m := new(own224)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 320:
		m := new(own320)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 496:
		m := new(own496)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 1<<10:
		m := new(own1k)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 2<<10:
		m := new(own2k)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 4<<10:
		m := new(own4k)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 8<<10:
		m := new(own8k)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= 16<<10:
		m := new(own16k)
		m.Payload = m.b[:n:n]
		return &m.Message
	case n <= ownBuffer:
		m := new(own32k)
		m.Payload = m.b[:n:n]
		return &m.Message
	}
	return &Message{Payload: make([]byte, n)}
}
