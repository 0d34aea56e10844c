package batch

import (
	"bytes"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/websocket"
)

// Config configures a Builder.
type Config struct {
	Tap, Boot                 string
	ShowSecrets, OmitPayloads bool          // as in [jsonl.Config]
	Events                    int           // events of a port that are cut into batches. 0 means 100
	Bytes                     int           // the same, in bytes. 0 means 128 KiB
	Linger                    time.Duration // the longest that an event waits for others. 0 means 100 ms
	// MaxLine bounds a line in bytes: the payload of a longer one is cut, and flagged
	// truncated. 0 means 960 KiB, which fits into what NATS and Kafka take by default.
	MaxLine int
	// Put takes a batch, which is its own then, or refuses it. It must not wait where
	// the source cannot.
	Put func(*Batch) bool
}

// A Builder makes batches of events. Events of a connection come out in their order if
// batches are read in the order in which they are put: a connection has one port,
// batches of a port that are cut together are put in the order of their kinds, and they are
// cut before an event would come behind a gap.
//
// What Put refuses is lost, and counted. As soon as something is accepted again, an event
// of the kind Loss goes before it: {"event":"loss","time":…,"since":…,"events":N,
// "messages":M,"first_seq":A,"last_seq":B,"reason":"…"}.
//
// It is safe for concurrent use.
type Builder struct {
	cfg  Config
	mu   sync.Mutex
	enc  *jsonl.Encoder
	line bytes.Buffer
	tail []byte // ,"tap":"…","boot":"…","seq":

	seq    uint64
	rounds map[uint16]*round
	sent   map[uint16]*[Kinds]uint64
	free   []*round // not in use
	counts Counts
	lost   loss // not told yet
}

// Counts are accounts of a Builder: of Events, those that were Put and those Lost.
type Counts struct {
	Events, Messages uint64
	Put, Lost        uint64
	LostMessages     uint64
	Cut              uint64 // messages whose payload was cut for MaxLine
	Batches, Bytes   uint64 // put
}

// A round is what waits to be cut, of one port.
type round struct {
	since time.Time
	n     int
	size  int
	kinds [Gap + 2]pending
}

// pending are lines without their ends.
type pending struct {
	lines []byte
	marks []mark
}

// A mark is where a line ends, and whose it is.
type mark struct {
	end  int
	conn uint64
}

// NewBuilder returns a Builder.
func NewBuilder(cfg Config) *Builder {
	set := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	set(&cfg.Events, 100)
	set(&cfg.Bytes, 128<<10)
	set(&cfg.MaxLine, 960<<10)
	if cfg.Linger == 0 {
		cfg.Linger = 100 * time.Millisecond
	}
	b := &Builder{cfg: cfg, rounds: map[uint16]*round{}, sent: map[uint16]*[Kinds]uint64{}}
	b.enc = jsonl.NewEncoder(&b.line, &jsonl.Config{ShowSecrets: cfg.ShowSecrets, OmitPayloads: cfg.OmitPayloads})
	b.tail = append(append(append(b.tail, `,"tap":"`...), cfg.Tap...), `","boot":"`...)
	b.tail = append(append(b.tail, cfg.Boot...), `","seq":`...)
	return b
}

// kindOf returns the kind and the connection of an event.
func kindOf(ev websocket.Event) (Kind, *websocket.Conn) {
	switch ev := ev.(type) {
	case *websocket.Open:
		return Open, ev.Conn
	case *websocket.Message:
		return Message, ev.Conn
	case *websocket.Gap:
		return Gap, ev.Conn
	case *websocket.End:
		return End, ev.Conn
	}
	panic("batch: an event of a kind that is not known")
}

// Add takes an event, which it does not keep.
func (b *Builder) Add(ev websocket.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	kind, conn := kindOf(ev)
	if err := b.encode(ev); err != nil {
		return err
	}
	b.counts.Events++
	if kind == Message {
		b.counts.Messages++
	}
	line := b.line.Bytes()
	line = line[:len(line)-2] // without }\n
	port := conn.Server.Port()
	r := b.rounds[port]
	if r != nil && (r.size+len(line) > b.cfg.Bytes || kind < Gap && len(r.kinds[Gap].marks) > 0) {
		b.cut(port, r)
		r = nil
	}
	if r == nil {
		r = b.newRound()
		b.rounds[port] = r
	}
	p := &r.kinds[kind]
	p.lines = append(p.lines, line...)
	p.marks = append(p.marks, mark{len(p.lines), conn.Number})
	r.n++
	r.size += len(line) + len(b.tail) + len(b.cfg.Tap) + len(b.cfg.Boot) + 64
	if r.n >= b.cfg.Events {
		b.cut(port, r)
	}
	return nil
}

// encode writes the line of an event, cut to what fits.
func (b *Builder) encode(ev websocket.Event) error {
	b.line.Reset()
	if err := b.enc.Encode(ev); err != nil {
		return err
	}
	m, ok := ev.(*websocket.Message)
	if !ok || b.line.Len() <= b.cfg.MaxLine {
		return nil
	}
	cut := *m
	cut.Truncated = true
	b.counts.Cut++
	for b.line.Len() > b.cfg.MaxLine {
		n := int(int64(len(cut.Payload)) * int64(b.cfg.MaxLine) / int64(b.line.Len()) / 16 * 15)
		cut.Payload = cut.Payload[:n]
		for i := 1; cut.Opcode == websocket.Text && i < utf8.UTFMax && i <= n; i++ {
			if utf8.RuneStart(cut.Payload[n-i]) {
				if !utf8.FullRune(cut.Payload[n-i:]) {
					cut.Payload = cut.Payload[:n-i]
				}
				break
			}
		}
		b.line.Reset()
		if err := b.enc.Encode(&cut); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) newRound() *round {
	if n := len(b.free); n > 0 {
		r := b.free[n-1]
		b.free = b.free[:n-1]
		r.since = time.Now()
		return r
	}
	return &round{since: time.Now()}
}

// Flush cuts what has waited for long enough, or all.
func (b *Builder) Flush(all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for port, r := range b.rounds {
		if all || time.Since(r.since) >= b.cfg.Linger {
			b.cut(port, r)
		}
	}
}

// Linger calls Flush until stop is closed.
func (b *Builder) Linger(stop <-chan struct{}) {
	t := time.NewTicker(b.cfg.Linger / 2)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			b.Flush(false)
		case <-stop:
			return
		}
	}
}

// cut makes batches of a round and puts them.
func (b *Builder) cut(port uint16, r *round) {
	delete(b.rounds, port)
	for k := range r.kinds {
		p := &r.kinds[k]
		if len(p.marks) == 0 {
			continue
		}
		if b.lost.events > 0 {
			b.tellLoss()
		}
		b.put(b.seal(port, Kind(k), p), r.since)
		p.lines, p.marks = p.lines[:0], p.marks[:0]
	}
	r.n, r.size = 0, 0
	if len(b.free) < 16 {
		b.free = append(b.free, r)
	}
}

// Counts returns the accounts so far.
func (b *Builder) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts
}
