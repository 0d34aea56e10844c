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
	decoder   decoder        // of the batches, or nil
	odd       bool           // the frames at hand have another one
	hash      flowHash
	datagrams datagrams
	err       error         // why the file ended; the queues are closed then
	reading   atomic.Int32  // shards that are not at the end
	drained   chan struct{} // closed when all are
}

// A hand is what a shard is dealt.
type hand struct {
	shard  *shard
	batch  *batch   // during a turn
	frames []uint32 // of the batch
	load   int      // about how much work the shard got so far
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
	d.open()
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

// open gives each hand a batch for the current chunk.
func (d *dealer) open() {
	in := d.r.in
	d.decoder = nil
	in.cur.refs.Add(int32(len(d.hands)))
	for i := range d.hands {
		h := &d.hands[i]
		select {
		case h.batch = <-h.shard.spare:
		default:
			h.batch = &batch{frames: make([]uint32, 0, 2048)}
		}
		h.batch.chunk, h.batch.buf = in.cur, in.buf
		h.frames = h.batch.frames
	}
}

// send sends the batches.
func (d *dealer) send() {
	for i := range d.hands {
		h := &d.hands[i]
		h.batch.frames, h.batch.decoder = h.frames, d.decoder
		if len(h.frames) == 0 {
			h.shard.recycle(h.batch)
			continue
		}
		select {
		case h.shard.queue <- h.batch:
		case <-d.r.in.done:
		}
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

// hand returns the hand that a connection's frames go to.
func (d *dealer) hand(sum uint64) *hand {
	if owner := d.owner[sum%buckets]; owner != 0 {
		return &d.hands[owner-1]
	}
	return d.assign(sum % buckets)
}

// assign gives a bucket to the shard that got the least work.
func (d *dealer) assign(bucket uint64) *hand {
	least := 0
	for i := range d.hands {
		if d.hands[i].load < d.hands[least].load {
			least = i
		}
	}
	d.owner[bucket] = int32(least + 1)
	d.hands[least].load += newLoad
	return &d.hands[least]
}

// give deals a frame that lies in the input's buffer.
func (d *dealer) give(sum uint64, e *entry) {
	h := d.hand(sum)
	h.load += frameLoad + int(e.end-e.start)
	at := e.start
	if e.alone || d.odd {
		at = h.batch.other(*e)
	}
	h.frames = append(h.frames, at)
}

// giveHeld deals a frame that was held back.
func (d *dealer) giveHeld(sum uint64, f *heldFrame) {
	h, e := d.hand(sum), f.entry
	b := h.batch
	h.load += frameLoad + len(f.data)
	e.start, e.end, e.held = uint32(len(b.held)), uint32(len(b.held)+len(f.data)), true
	b.held = append(b.held, f.data...)
	h.frames = append(h.frames, b.other(e))
}
