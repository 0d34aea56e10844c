package batch

import (
	"bytes"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/internal/escape"
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

type loss struct {
	since, until     time.Time
	events, messages uint64
	first, last      uint64
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

// seal gives lines their ends.
func (b *Builder) seal(port uint16, k Kind, p *pending) *Batch {
	per := len(b.tail) + len(b.cfg.Tap) + len(b.cfg.Boot) + 64
	out := &Batch{Tap: b.cfg.Tap, Boot: b.cfg.Boot, Port: port, Kind: k, First: b.seq + 1, N: uint64(len(p.marks)),
		Lines: make([]byte, 0, len(p.lines)+per*len(p.marks))}
	at := 0
	for _, m := range p.marks {
		b.seq++
		out.Lines = b.end(append(out.Lines, p.lines[at:m.end]...), m.conn)
		at = m.end
	}
	return out
}

// end appends the end of a line. Events of taps have no connection.
func (b *Builder) end(line []byte, conn uint64) []byte {
	line = strconv.AppendUint(append(line, b.tail...), b.seq, 10)
	if conn > 0 {
		line = append(append(line, connectionField...), b.cfg.Tap...)
		line = append(append(line, '.'), b.cfg.Boot...)
		line = append(strconv.AppendUint(append(line, '.'), conn, 10), '"')
	}
	return append(line, '}', '\n')
}

const connectionField = `,"connection":"`

// Connection returns the fleet-wide name of a line's connection, "" where it has none.
func Connection(line []byte) []byte {
	i := bytes.LastIndex(line, []byte(connectionField))
	if i < 0 {
		return nil
	}
	name := line[i+len(connectionField):]
	if j := bytes.IndexByte(name, '"'); j >= 0 {
		return name[:j]
	}
	return nil
}

// put puts a batch, or counts it as lost: what comes behind a loss that could not be
// told yet is part of it.
func (b *Builder) put(out *Batch, since time.Time) {
	if b.lost.events == 0 && b.pass(out) {
		return
	}
	if b.lost.events == 0 {
		b.lost.since, b.lost.first = since, out.First
	}
	b.lost.until, b.lost.last = time.Now(), out.Last()
	b.lost.events += out.N
	b.counts.Lost += out.N
	if out.Kind == Message {
		b.lost.messages += out.N
		b.counts.LostMessages += out.N
	}
}

// pass puts a batch and says whether it was taken.
func (b *Builder) pass(out *Batch) bool {
	sent := b.sent[out.Port]
	if sent == nil {
		sent = new([Kinds]uint64)
		b.sent[out.Port] = sent
	}
	out.Before = *sent
	if !b.cfg.Put(out) {
		return false
	}
	sent[out.Kind] += out.N
	b.counts.Batches++
	b.counts.Bytes += uint64(len(out.Lines))
	if out.Kind < Tap {
		b.counts.Put += out.N
	}
	return true
}

// tellLoss puts what is to be told, if it is taken.
func (b *Builder) tellLoss() {
	l := b.lost
	line := append([]byte(nil), `{"event":"loss","time":"`...)
	line = append(l.until.UTC().AppendFormat(line, time.RFC3339Nano), `","since":"`...)
	line = append(l.since.UTC().AppendFormat(line, time.RFC3339Nano), `","events":`...)
	line = strconv.AppendUint(line, l.events, 10)
	line = strconv.AppendUint(append(line, `,"messages":`...), l.messages, 10)
	line = strconv.AppendUint(append(line, `,"first_seq":`...), l.first, 10)
	line = strconv.AppendUint(append(line, `,"last_seq":`...), l.last, 10)
	line = append(line, `,"reason":"neither the queue nor the spool had room"`...)
	if b.own(Loss, line) {
		b.lost = loss{}
	}
}

// own puts one event that tells of the tap, and says whether it was taken.
func (b *Builder) own(k Kind, line []byte) bool {
	if b.pass(b.seal(0, k, &pending{lines: line, marks: []mark{{len(line), 0}}})) {
		return true
	}
	b.seq-- // it never was
	return false
}

// Tell puts an event of the kind Tap, {"event":"tap","time":…,"state":…} and further
// fields, unless Put refuses it.
func (b *Builder) Tell(state string, fields ...Field) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := append([]byte(nil), `{"event":"tap","time":"`...)
	line = append(time.Now().UTC().AppendFormat(line, time.RFC3339Nano), `","state":`...)
	line = escape.AppendJSON(line, state)
	for _, f := range fields {
		line = escape.AppendJSON(append(line, ','), f.Name)
		line = append(line, ':')
		if f.Text != "" {
			line = escape.AppendJSON(line, f.Text)
		} else {
			line = strconv.AppendUint(line, f.N, 10)
		}
	}
	if b.lost.events > 0 {
		b.tellLoss()
	}
	if b.lost.events == 0 {
		b.own(Tap, line)
	}
}

// A Field is a text, or a number where that is empty.
type Field struct {
	Name, Text string
	N          uint64
}

// Counts returns the accounts so far.
func (b *Builder) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts
}
