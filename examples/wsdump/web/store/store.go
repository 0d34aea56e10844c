// Package store keeps the latest messages of a tap within a budget, and finds them
// again: by number, and by filters, whose results are numbered too. It is told events
// by one goroutine and asked by any; neither waits for the other longer than it takes
// to copy a message. It knows neither where the events come from nor who asks.
package store

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wstap/wstap/internal/list"
	"github.com/wstap/wstap/websocket"
)

// Config configures a Store; nil means the defaults.
type Config struct {
	// Memory is the budget in bytes, of which connections take a quarter at the most.
	// It is rounded up to 64 KiB. 0 means 256 MiB.
	Memory int64
	// ShowSecrets keeps cookies, credentials and tokens of handshakes. False: they are
	// masked before they are kept, see [websocket.Conn.Masked].
	ShowSecrets bool
}

// A Store is what was told of connections and messages, as far as the budget goes.
type Store struct {
	cfg     Config
	version atomic.Uint64 // events told

	mu       sync.Mutex
	blocks   []*block // the oldest first; the last is being filled
	next     uint64   // number of the next message
	cost     int64    // of the blocks
	payloads uint64   // bytes of payload in them
	records  uint64   // messages in them
	conns    map[uint64]*connection
	changed  list.List[connection] // all of conns, that which changed last last
	connCost int64

	told, connsForgotten, cut uint64
	sums                      [2]Side

	views views
}

// New returns an empty Store.
func New(cfg *Config) *Store {
	s := &Store{next: 1, conns: make(map[uint64]*connection)}
	if cfg != nil {
		s.cfg = *cfg
	}
	if s.cfg.Memory <= 0 {
		s.cfg.Memory = 256 << 20
	}
	s.cfg.Memory = max(s.cfg.Memory, 64<<10)
	s.views.init(s)
	return s
}

// Close ends the searches that go on. What is stored can still be read.
func (s *Store) Close() { s.views.close() }

// Add takes an event, which it does not keep.
func (s *Store) Add(ev websocket.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version.Add(1)
	switch ev := ev.(type) {
	case *websocket.Open:
		s.connection(ev.Conn, ev.Time)
	case *websocket.Message:
		s.message(ev)
	case *websocket.Gap:
		e := s.connection(ev.Conn, ev.Time)
		e.gaps++
		e.sides[ev.From&1].Lost += uint64(ev.Bytes)
		s.sums[ev.From&1].Lost += uint64(ev.Bytes)
	case *websocket.End:
		s.ended(ev)
	}
	s.forgetConns()
}

func (s *Store) message(m *websocket.Message) {
	e := s.connection(m.Conn, m.Start)
	for _, side := range []*Side{&e.sides[m.From&1], &s.sums[m.From&1]} {
		side.Messages++
		side.Bytes += uint64(len(m.Payload))
	}
	// A message that is larger than what a block is for is a block, and one that does
	// not fit beside others is cut.
	kept := min(len(m.Payload), int(s.cfg.Memory/8))
	if kept < len(m.Payload) {
		s.cut++
	}
	b := s.room(kept)
	b.add(e, m, kept)
	s.next++
	s.records++
	s.payloads += uint64(kept)
	e.flags |= b.records[len(b.records)-1].flags
	s.recost(b)
	for s.cost > s.cfg.Memory/4*3 && len(s.blocks) > 1 {
		s.forgetBlock()
	}
}

// room returns the block that takes the next message, of so many bytes.
func (s *Store) room(kept int) *block {
	target := min(int(s.cfg.Memory/64), 4<<20)
	if n := len(s.blocks); n > 0 && !s.blocks[n-1].full() {
		if b := s.blocks[n-1]; len(b.payloads) == 0 || len(b.payloads)+kept <= 2*target {
			return b
		}
	}
	size := max(kept, 1<<10)
	if n := len(s.blocks); n > 0 { // most often the next ones are alike
		b := s.blocks[n-1]
		if kept < target {
			size = max(kept, min(len(b.payloads)+len(b.payloads)/8, target))
		}
	}
	b := newBlock(s.next, min(maxRecords, max(target/recordSize, 1)), target, size)
	s.blocks = append(s.blocks, b)
	return b
}

// recost counts what a block takes now.
func (s *Store) recost(b *block) {
	now := b.memory()
	s.cost += now - b.cost
	b.cost = now
}

// forgetBlock forgets the oldest messages.
func (s *Store) forgetBlock() {
	b := s.blocks[0]
	s.blocks[0] = nil
	s.blocks = s.blocks[1:]
	s.cost -= b.cost
	s.records -= uint64(len(b.records))
	s.payloads -= uint64(len(b.payloads))
	for _, c := range b.conns {
		if c.blocks--; c.blocks == 0 {
			c.block = nil
		}
	}
}

// ErrForgotten is the error of a message that had to go for later ones.
var ErrForgotten = errors.New("forgotten: later messages have taken its room, --web-memory keeps more")

// ErrNone is the error of a message that has not come.
var ErrNone = errors.New("there is no such message")

// piece returns the messages of the block that holds a number, from the first stored
// one on where that is forgotten. It is empty behind the last.
func (s *Store) piece(number uint64) (p piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearchFunc(s.blocks, number, func(b *block, n uint64) int {
		switch {
		case b.end() <= n:
			return -1
		case b.first > n:
			return 1
		}
		return 0
	})
	if !found && i >= len(s.blocks) {
		return piece{first: s.next}
	}
	return s.blocks[i].piece
}

// first is the number of the first message that is stored, or will be.
func (s *Store) first() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.firstLocked()
}

func (s *Store) firstLocked() uint64 {
	if len(s.blocks) == 0 {
		return s.next
	}
	return s.blocks[0].first
}

// Message returns a message by its number. It borrows its payload, which never
// changes. cut is how many bytes of its end were not kept.
func (s *Store) Message(number uint64) (m *websocket.Message, cut int, err error) {
	p := s.piece(number)
	switch {
	case number == 0 || number >= p.end():
		return nil, 0, ErrNone
	case number < p.first:
		return nil, 0, ErrForgotten
	}
	m = new(websocket.Message)
	i := int(number - p.first)
	p.message(i, m)
	return m, p.cut(i), nil
}

func (p *piece) cut(i int) int { return int(p.records[i].size - p.records[i].kept) }

// A Summary says what a Store was told, and what of it is stored.
type Summary struct {
	Version uint64  // grows with each event
	Sides   [2]Side // messages told, by Direction
	Conns   uint64  // connections told

	Stored, Forgotten, Cut uint64 // messages; Cut are those whose end did not fit
	ConnsForgotten         uint64
	Bytes                  uint64 // of payload stored
	Memory, Budget         int64
}

// Summary returns the counters.
func (s *Store) Summary() Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Summary{
		Version: s.version.Load(), Sides: s.sums, Conns: s.told,
		Stored: s.records, Forgotten: s.firstLocked() - 1, Cut: s.cut, ConnsForgotten: s.connsForgotten,
		Bytes: s.payloads, Memory: s.cost + s.connCost, Budget: s.cfg.Memory,
	}
}

// Version grows with each event. It costs nothing to ask.
func (s *Store) Version() uint64 { return s.version.Load() }
