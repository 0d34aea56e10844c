package store

import (
	"math"

	"github.com/wstap/wstap/websocket"
)

// A block holds messages that came one after the other. What is in it never changes,
// so a piece of it is read without the lock of the Store.
type block struct {
	piece
	target int   // bytes of payload from which it is full
	cost   int64 // counted in the budget
}

// A piece is a block as far as it was filled.
type piece struct {
	first    uint64 // number of the first message
	records  []record
	payloads []byte
	conns    []*connection // that records speak of
	min, max int64         // of the records' nanos
}

// blockSize is about what a block takes besides.
const blockSize = 256

// maxRecords is how many messages a block holds at the most.
const maxRecords = 1024

func newBlock(first uint64, records, target, payloads int) *block {
	b := &block{target: target}
	b.first = first
	b.records = make([]record, 0, records)
	b.payloads = make([]byte, 0, payloads)
	b.min, b.max = math.MaxInt64, math.MinInt64
	return b
}

func (b *block) full() bool { return len(b.records) == cap(b.records) || len(b.payloads) >= b.target }

// add adds a message with the first kept bytes of its payload.
func (b *block) add(c *connection, m *websocket.Message, kept int) {
	if c.block != b {
		c.block, c.index = b, uint32(len(b.conns))
		b.conns = append(b.conns, c)
		c.blocks++
	}
	n := len(b.records)
	b.records = b.records[:n+1]
	r := &b.records[n]
	r.pack(m)
	r.conn, r.at, r.kept = c.index, uint32(len(b.payloads)), uint32(kept)
	b.payloads = append(b.payloads, m.Payload[:kept]...)
	t := r.nanos()
	b.min, b.max = min(b.min, t), max(b.max, t)
}

// memory is what the block takes.
func (b *block) memory() int64 {
	return blockSize + recordSize*int64(cap(b.records)) + int64(cap(b.payloads)) + 8*int64(cap(b.conns))
}

// end is the number of the message past the last.
func (p *piece) end() uint64 { return p.first + uint64(len(p.records)) }

func (p *piece) payload(r *record) []byte {
	end := uint64(r.at) + uint64(r.kept)
	return p.payloads[r.at:end:end]
}

// message fills in the i-th message, which borrows its payload from the piece.
func (p *piece) message(i int, m *websocket.Message) {
	r := &p.records[i]
	r.unpack(m, p.payload(r))
	m.Conn = p.conns[r.conn].conn
}
