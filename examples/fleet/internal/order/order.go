// Package order gives each batch that an engine delivers out once, in the order of its
// connections, and says what is missing.
package order

import (
	"slices"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
)

// An Item is a batch as it comes from an engine.
type Item struct {
	*batch.Batch
	Time time.Time // when the engine took it
	// Alone says that events come one by one, each in the order of its connection alone,
	// and that there is no Before: so it is in Kafka, which divides connections over
	// partitions.
	Alone bool
	Ack   func() // says that it need not be delivered again; may be nil
}

// Missing tells events that an engine has not delivered.
type Missing struct {
	Tap, Boot string
	Port      uint16
	Kind      batch.Kind
	Any       bool // of any port and kind
	N         uint64
}

// Config configures an Order.
type Config struct {
	// Whole says that all is read from the beginning, so that what the first batch of a tap
	// says to have been before is missing. False: what was before is not asked for.
	Whole bool
	Kinds []batch.Kind // that are read; nil: all
	// Patience is how much later than a batch others may be that belong before it. 0
	// means 30 s, in which an outbox sends again what failed.
	Patience time.Duration
	Deliver  func(Item)
	Missing  func(Missing)
}

const (
	// heldBytes bounds what waits for what belongs before it.
	heldBytes = 64 << 20
	// maxLanes bounds how many taps, boots and ports are remembered.
	maxLanes = 1 << 20
)

// An Order is for one goroutine.
type Order struct {
	cfg   Config
	reads [batch.Kinds]bool
	lanes map[key]*lane
	alone map[key]*seen
	held  int // bytes
	clock time.Time

	counts Counts
}

// Counts are accounts of an Order, in events.
type Counts struct {
	Delivered, Duplicates, Missing, Late uint64
}

type key struct {
	tap, boot string
	port      uint16
}

// A lane is a port of a boot of a tap.
type lane struct {
	begun bool
	have  [batch.Kinds]uint64 // events delivered or told as missing, from the first on
	held  []Item              // by First
	told  []hole
}

// A hole was told as missing.
type hole struct {
	kind     batch.Kind
	from, to uint64
}

// New returns an Order.
func New(cfg Config) *Order {
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	o := &Order{cfg: cfg, lanes: map[key]*lane{}, alone: map[key]*seen{}}
	for k := range o.reads {
		o.reads[k] = cfg.Kinds == nil || slices.Contains(cfg.Kinds, batch.Kind(k))
	}
	return o
}

// Counts returns the accounts so far.
func (o *Order) Counts() Counts { return o.counts }

// Add takes an item, and delivers what can be delivered.
func (o *Order) Add(it Item) {
	if it.Alone {
		o.addAlone(it)
		return
	}
	k := key{it.Tap, it.Boot, it.Port}
	l := o.lanes[k]
	if l == nil {
		if len(o.lanes) >= maxLanes {
			o.Flush()
			clear(o.lanes)
		}
		l = &lane{}
		o.lanes[k] = l
	}
	if !l.begun && !o.cfg.Whole {
		l.have = it.Before
	}
	l.begun = true
	switch {
	case it.Before[it.Kind] < l.have[it.Kind]:
		o.again(l, it)
	case l.ready(o, it.Batch):
		o.deliver(l, it)
		o.unhold(l)
	default:
		o.hold(l, it)
	}
	if it.Time.After(o.clock) {
		o.Tick(it.Time)
	}
}

// ready says that all that belongs before b is there.
func (l *lane) ready(o *Order, b *batch.Batch) bool {
	for k, n := range b.Before {
		if o.reads[k] && l.have[k] < n {
			return false
		}
	}
	return true
}

func (o *Order) deliver(l *lane, it Item) {
	l.have[it.Kind] = max(l.have[it.Kind], it.Before[it.Kind]+it.N)
	o.pass(it)
}

func (o *Order) pass(it Item) {
	o.counts.Delivered += it.N
	o.cfg.Deliver(it)
}

// again takes what came before: a duplicate, or what was told as missing.
func (o *Order) again(l *lane, it Item) {
	from, to := it.Before[it.Kind], it.Before[it.Kind]+it.N
	for i, h := range l.told {
		if h.kind != it.Kind || from < h.from || to > h.to {
			continue
		}
		l.told = slices.Delete(l.told, i, i+1)
		for _, rest := range []hole{{h.kind, h.from, from}, {h.kind, to, h.to}} {
			if rest.from < rest.to {
				l.told = append(l.told, rest)
			}
		}
		o.counts.Late += it.N
		o.counts.Missing -= it.N
		o.pass(it)
		return
	}
	o.drop(it)
}

// drop drops a duplicate.
func (o *Order) drop(it Item) {
	o.counts.Duplicates += it.N
	if it.Ack != nil {
		it.Ack()
	}
}

func (o *Order) hold(l *lane, it Item) {
	i, found := slices.BinarySearchFunc(l.held, it.First, func(h Item, first uint64) int {
		switch {
		case h.First < first:
			return -1
		case h.First > first:
			return 1
		}
		return 0
	})
	if found {
		o.drop(it)
		return
	}
	l.held = slices.Insert(l.held, i, it)
	o.held += weight(it)
	for o.held > heldBytes && len(l.held) > 0 {
		o.giveUp(it.Tap, l)
	}
}

// weight is about what an item takes, in bytes.
func weight(it Item) int { return len(it.Lines) + 256 }

// unhold delivers what waited and need not wait any more.
func (o *Order) unhold(l *lane) {
	for len(l.held) > 0 && l.ready(o, l.held[0].Batch) {
		it := l.held[0]
		l.held = l.held[1:]
		o.held -= weight(it)
		o.deliver(l, it)
	}
}

// giveUp tells what the first that waits has waited for as missing.
func (o *Order) giveUp(tap string, l *lane) {
	it := l.held[0]
	for k, n := range it.Before {
		if !o.reads[k] || l.have[k] >= n {
			continue
		}
		missing := n - l.have[k]
		if len(l.told) >= 64 {
			l.told = l.told[1:]
		}
		l.told = append(l.told, hole{batch.Kind(k), l.have[k], n})
		l.have[k] = n
		o.counts.Missing += missing
		o.cfg.Missing(Missing{Tap: it.Tap, Boot: it.Boot, Port: it.Port, Kind: batch.Kind(k), N: missing})
	}
	o.unhold(l)
}

// Tick says how late it is, by the engine's clock: what has waited for too long is
// delivered.
func (o *Order) Tick(now time.Time) {
	o.clock = now
	if o.held == 0 {
		return
	}
	for k, l := range o.lanes {
		for len(l.held) > 0 && now.Sub(l.held[0].Time) > o.cfg.Patience {
			o.giveUp(k.tap, l)
		}
	}
}

// Flush delivers all that waits, at the end.
func (o *Order) Flush() {
	for k, l := range o.lanes {
		for len(l.held) > 0 {
			o.giveUp(k.tap, l)
		}
	}
	o.TellHoles()
}

// addAlone takes an event of a partition.
func (o *Order) addAlone(it Item) {
	k := key{it.Tap, it.Boot, 0}
	s := o.alone[k]
	if s == nil {
		if len(o.alone) >= maxLanes {
			clear(o.alone)
		}
		s = &seen{}
		o.alone[k] = s
	}
	told := it.First >= s.first && it.First <= s.told
	switch {
	case !s.add(it.First):
		o.drop(it)
		return
	case told:
		o.counts.Late++
		o.counts.Missing--
	}
	o.pass(it)
}

// Known says that a tap has told of these events that it lost them.
func (o *Order) Known(tap, boot string, first, last uint64) {
	if s := o.alone[key{tap, boot, 0}]; s != nil && first > 0 && first <= last {
		s.addRange(first, last)
	}
}

// TellHoles tells events that are missing between those that came alone. It is to be
// called when all partitions have been read to their ends.
func (o *Order) TellHoles() {
	for k, s := range o.alone {
		if n := s.holes(); n > 0 {
			o.counts.Missing += n
			o.cfg.Missing(Missing{Tap: k.tap, Boot: k.boot, Any: true, N: n})
		}
	}
}
