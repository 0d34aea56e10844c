package pcapfile

import "sync/atomic"

const (
	// buckets is how many parts all connections are divided into; each part
	// belongs to one shard.
	buckets = 4096
	// newLoad is what a connection that begins is likely to bring, and frameLoad
	// what a frame takes however short it is, in bytes.
	newLoad   = 64 << 10
	frameLoad = 100
)

// A dealer deals the frames of a file to the shards by connection. It has no
// goroutine: it works for the shard whose turn it is.
type dealer struct {
	r         *Reader
	turn      chan struct{} // full while a shard has the turn: the one that may touch the Reader and what follows, to err
	hands     []hand
	owner     [buckets]int32 // of each bucket: 1 + the index of a hand; 0: none yet
	decoder   decoder        // of the batches that are open
	odd       bool           // the frames at hand have another one
	hash      flowHash
	datagrams datagrams
	err       error         // why the file ended; the queues are closed then
	reading   atomic.Int32  // shards that are not at the end
	drained   chan struct{} // closed when all are
}

// A hand is what a shard is dealt.
type hand struct {
	shard *shard
	open  *batch // not sent yet, or nil
	load  int    // about how much work it got so far
}

func newDealer(r *Reader) *dealer {
	d := &dealer{r: r, turn: make(chan struct{}, 1), drained: make(chan struct{})}
	d.reading.Store(int32(r.workers))
	batches := cap(r.in.free) // a queue has room for one of each chunk
	for range r.workers {
		s := &shard{r: r, dealer: d, queue: make(chan *batch, batches), spare: make(chan *batch, batches)}
		d.hands = append(d.hands, hand{shard: s})
	}
	return d
}

// deal reads a chunk at most, and sends each shard its frames.
func (d *dealer) deal() {
	if d.err != nil {
		return
	}
	d.r.in.more()
	d.decoder = nil
	var err error
	for err == nil {
		err = d.some()
	}
	if err == errMore {
		d.send()
		return
	}
	d.forgetAll()
	d.send()
	d.err = err
	for i := range d.hands {
		close(d.hands[i].shard.queue)
	}
}

// some deals some of the frames that the input holds.
func (d *dealer) some() error {
	r := d.r
	n, err := r.format.next(r.entries[:])
	if err != nil {
		return err
	}
	decoder := r.format.decoder()
	if d.decoder == nil {
		d.decoder = decoder
	}
	d.odd = decoder != d.decoder
	filtered := r.selection.Load() != nil
	for i := range r.entries[:n] {
		e := &r.entries[i]
		if filtered {
			if ok, err := r.selects(e); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		data := r.in.buf[e.start:e.end]
		if sum, ok := d.hash.sum(e.link, data, e.length); ok {
			d.give(sum, e)
		} else {
			d.fragment(e, data)
		}
	}
	return nil
}

// hand returns the hand that takes n bytes of a connection.
func (d *dealer) hand(sum uint64, n int) *hand {
	bucket := sum % buckets
	if d.owner[bucket] == 0 {
		d.assign(bucket)
	}
	h := &d.hands[d.owner[bucket]-1]
	h.load += frameLoad + n
	return h
}

// assign gives a bucket to the shard that got the least work.
func (d *dealer) assign(bucket uint64) {
	least := 0
	for i := range d.hands {
		if d.hands[i].load < d.hands[least].load {
			least = i
		}
	}
	d.owner[bucket] = int32(least + 1)
	d.hands[least].load += newLoad
}

// give deals a frame that lies in the input's buffer.
func (d *dealer) give(sum uint64, e *entry) {
	h := d.hand(sum, int(e.end-e.start))
	b := h.open
	if b == nil || b.chunk == nil {
		b = h.batch()
		b.chunk, b.buf, b.decoder = d.r.in.cur, d.r.in.buf, d.decoder
		b.chunk.refs.Add(1)
	}
	if e.alone || d.odd {
		b.add(*e)
	} else {
		b.frames = append(b.frames, e.start)
	}
}

// giveHeld deals a frame that was held back.
func (d *dealer) giveHeld(sum uint64, h *heldFrame) {
	b := d.hand(sum, len(h.data)).batch()
	e := h.entry
	e.start, e.end, e.held = uint32(len(b.held)), uint32(len(b.held)+len(h.data)), true
	b.held = append(b.held, h.data...)
	b.add(e)
}

func (b *batch) add(e entry) {
	b.frames = append(b.frames, odd+uint32(len(b.others)))
	b.others = append(b.others, e)
}

// send sends all batches.
func (d *dealer) send() {
	for i := range d.hands {
		h := &d.hands[i]
		if h.open == nil {
			continue
		}
		select {
		case h.shard.queue <- h.open:
		case <-d.r.in.done:
		}
		h.open = nil
	}
}

// batch returns the batch that is open, or opens one.
func (h *hand) batch() *batch {
	if h.open == nil {
		select {
		case h.open = <-h.shard.spare:
		default:
			h.open = &batch{frames: make([]uint32, 0, 2048)}
		}
	}
	return h.open
}
