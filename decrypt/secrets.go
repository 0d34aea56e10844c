package decrypt

import "iter"

// A label says what a secret is for. The names are those of RFC 9850, section 1.1,
// and NSS's for what is older.
type label uint8

const (
	noLabel         label = iota
	masterSecret          // CLIENT_RANDOM, and the master secret of a session
	premasterSecret       // RSA: by the beginning of its encrypted form
	clientEarly
	clientHandshake
	serverHandshake
	clientTraffic
	serverTraffic
)

var labels = map[string]label{
	"CLIENT_RANDOM":                   masterSecret,
	"CLIENT_EARLY_TRAFFIC_SECRET":     clientEarly,
	"CLIENT_HANDSHAKE_TRAFFIC_SECRET": clientHandshake,
	"SERVER_HANDSHAKE_TRAFFIC_SECRET": serverHandshake,
	"CLIENT_TRAFFIC_SECRET_0":         clientTraffic,
	"SERVER_TRAFFIC_SECRET_0":         serverTraffic,
}

const (
	randomLen = 32
	masterLen = 48
	maxSecret = 48
)

// A secret is a value with its length: 48 for a master secret, and that of the
// hash, 32 or 48, in TLS 1.3.
type secret struct {
	n uint8
	b [maxSecret]byte
}

func newSecret(b []byte) (s secret) {
	s.n = uint8(copy(s.b[:], b))
	return s
}

func (s *secret) bytes() []byte { return s.b[:s.n] }

// A random is a client random, or the hash of what else secrets are looked up by.
type random [randomLen]byte

// A store keeps secrets by random, the newest max of them. A line costs a cell of
// 56 bytes, and a random about 100 more, whatever the log is like.
type store struct {
	max     int               // cells
	index   map[random]uint32 // number of an entry
	entries []entry           // a ring: numbers modulo its length
	first   uint32            // number of the oldest entry
	next    uint32            // number of the next entry
	cells   []cell            // the first is none
	free    uint32            // list of cells
	used    int               // cells
}

// An entry is all that is known of a random.
type entry struct {
	random random
	cells  uint32 // list
}

// A cell holds one secret.
type cell struct {
	secret secret
	label  label
	next   uint32 // in the entry's list, or that of free ones
}

// add adds a secret, and reports whether it was not known. One that differs from
// an older one takes its place.
func (s *store) add(r random, l label, v secret) bool {
	number, known := s.index[r]
	if known {
		for c := s.entry(number).cells; c != 0; c = s.cells[c].next {
			if s.cells[c].label == l {
				changed := s.cells[c].secret != v
				s.cells[c].secret = v
				return changed
			}
		}
	}
	for s.used >= s.max && s.first != s.next && (!known || s.first != number) {
		s.forget()
	}
	c := s.cell()
	if !known {
		number = s.enter(r)
	}
	e := s.entry(number)
	s.cells[c] = cell{secret: v, label: l, next: e.cells}
	e.cells = c
	return true
}

// cell returns a free cell.
func (s *store) cell() uint32 {
	s.used++
	if c := s.free; c != 0 {
		s.free = s.cells[c].next
		return c
	}
	if len(s.cells) == 0 {
		s.cells = append(s.cells, cell{})
	}
	s.cells = append(s.cells, cell{})
	return uint32(len(s.cells) - 1)
}

// enter makes an entry for a random.
func (s *store) enter(r random) uint32 {
	if s.index == nil {
		s.index = make(map[random]uint32)
	}
	if n := int(s.next - s.first); n == len(s.entries) {
		larger := make([]entry, max(16, 2*n))
		for i := s.first; i != s.next; i++ {
			larger[i%uint32(len(larger))] = *s.entry(i)
		}
		s.entries = larger
	}
	number := s.next
	s.next++
	*s.entry(number) = entry{random: r}
	s.index[r] = number
	return number
}

// entry returns the entry with a number. The ring's length is a power of two, so
// that numbers may wrap around.
func (s *store) entry(number uint32) *entry { return &s.entries[number%uint32(len(s.entries))] }

// forget drops the oldest entry.
func (s *store) forget() {
	e := s.entry(s.first)
	for c := e.cells; c != 0; {
		next := s.cells[c].next
		s.cells[c] = cell{next: s.free}
		s.free = c
		s.used--
		c = next
	}
	delete(s.index, e.random)
	*e = entry{}
	s.first++
}

// find returns the secret of a random with a label.
func (s *store) find(r *random, l label) (v secret, ok bool) {
	number, ok := s.index[*r]
	if !ok {
		return v, false
	}
	for c := s.entry(number).cells; c != 0; c = s.cells[c].next {
		if s.cells[c].label == l {
			return s.cells[c].secret, true
		}
	}
	return v, false
}

// newest yields the numbers of entries from before down to, but without, after.
func (s *store) newest(before, after uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for n := before; int32(n-s.first) > 0 && int32(n-after) > 0; {
			n--
			if !yield(n) {
				return
			}
		}
	}
}
