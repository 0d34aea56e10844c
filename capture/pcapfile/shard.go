package pcapfile

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

var _ capture.Sharded = (*Reader)(nil)

const (
	batchFrames = 1024
	batchQueue  = 4 // batches that wait for a shard
	// shardChunks is how many chunks the batches of a shard may keep busy.
	shardChunks = batchQueue + 2
)

// A batch is frames that lie in one buffer.
type batch struct {
	frames []entry
	buf    []byte
	chunk  *chunk // which buf belongs to; nil: the batch has a buf of its own
}

// An entry is a capture.Frame in less space and without pointers: it passes
// from one processor's cache to another's.
type entry struct {
	start, end uint32 // in the batch's buf
	length     int
	sec        int64
	nsec       int32
	ifi        int32
	link       decode.LinkType
	dir        capture.Direction
}

// add appends a frame whose data begins at start in the batch's buf.
func (b *batch) add(f *capture.Frame, start int) {
	b.frames = append(b.frames, entry{
		start: uint32(start), end: uint32(start + len(f.Data)), length: f.Length,
		sec: f.Time.Unix(), nsec: int32(f.Time.Nanosecond()),
		ifi: int32(f.Interface), link: f.Link, dir: f.Direction,
	})
}

// frame fills in f, the opposite of add.
func (b *batch) frame(f *capture.Frame, i int) {
	e := &b.frames[i]
	f.Data = b.buf[e.start:e.end:e.end]
	f.Length = e.length
	f.Time = time.Unix(e.sec, int64(e.nsec)).UTC()
	f.Link = e.link
	f.Interface = int(e.ifi)
	f.Direction = e.dir
	f.Checksum = capture.ChecksumUnknown
}

// A shard is a Source of the connections that fall to it.
type shard struct {
	whole *Reader
	queue chan *batch
	spare chan *batch
	cur   *batch // being given out, or nil
	next  int    // of cur.frames
	count atomic.Uint64
	err   error // sticky
}

// A dealer reads the file in a goroutine and deals its frames to the shards by
// connection.
type dealer struct {
	r         *Reader
	shards    []*shard
	open      []*batch // of each shard, not sent yet, or nil
	hash      flowHash
	datagrams datagrams
	err       error         // why the file ended
	dealt     chan struct{} // closed when err is there
	reading   atomic.Int32  // shards that are not at the end
	drained   chan struct{} // closed when all are
}

// Shards implements capture.Sharded. It returns Config.Workers Sources that
// divide the file's connections among them, or the Reader itself if that is 1.
// Stats counts frames of a shard some hundreds at a time. All shards must be
// read, each by a goroutine of its own, until their end or Close: they wait for
// each other.
func (r *Reader) Shards() []capture.Source {
	if r.workers <= 1 {
		return []capture.Source{r}
	}
	d := &dealer{r: r, dealt: make(chan struct{}), drained: make(chan struct{})}
	d.open = make([]*batch, r.workers)
	d.reading.Store(int32(r.workers))
	sources := make([]capture.Source, r.workers)
	for i := range sources {
		s := &shard{whole: r, queue: make(chan *batch, batchQueue), spare: make(chan *batch, batchQueue+2)}
		d.shards = append(d.shards, s)
		sources[i] = s
	}
	r.dealer.Store(d)
	r.in.turn = d.send
	go d.run()
	return sources
}

// run is the dealer's goroutine.
func (d *dealer) run() {
	var f capture.Frame
	var err error
	for err == nil {
		if err = d.r.read(&f); err != nil {
			break
		}
		if sum, ok := d.hash.sum(&f); ok {
			d.give(sum, &f)
		} else {
			d.fragment(&f)
		}
	}
	d.forgetAll()
	d.send()
	d.err = err
	close(d.dealt)
	for _, s := range d.shards {
		close(s.queue)
	}
}

// of returns the number of the shard for a hash.
func (d *dealer) of(sum uint64) int { return int(sum >> 32 * uint64(len(d.shards)) >> 32) }

// give adds a frame that lies in the current chunk to the batch of its shard.
func (d *dealer) give(sum uint64, f *capture.Frame) {
	i, c := d.of(sum), d.r.in.cur
	b := d.open[i]
	if b == nil {
		b = d.shards[i].newBatch()
		b.buf, b.chunk = c.buf, c
		c.refs.Add(1)
		d.open[i] = b
	}
	b.add(f, c.end-d.r.lead)
	if len(b.frames) == batchFrames {
		d.sendTo(i)
	}
}

// giveOwn sends a frame that lies in memory of its own.
func (d *dealer) giveOwn(sum uint64, f *capture.Frame) {
	i := d.of(sum)
	if d.open[i] != nil {
		d.sendTo(i)
	}
	b := &batch{buf: f.Data}
	b.add(f, 0)
	d.open[i] = b
	d.sendTo(i)
}

// send sends all batches: the reader is about to leave the chunk, and may have
// to wait for the next.
func (d *dealer) send() {
	for i := range d.open {
		if d.open[i] != nil {
			d.sendTo(i)
		}
	}
}

func (d *dealer) sendTo(i int) {
	select {
	case d.shards[i].queue <- d.open[i]:
	case <-d.r.in.done:
	}
	d.open[i] = nil
}

func (s *shard) newBatch() *batch {
	select {
	case b := <-s.spare:
		b.frames = b.frames[:0]
		return b
	default:
		return &batch{frames: make([]entry, 0, batchFrames)}
	}
}

// Ready says that Next has a frame at hand.
func (s *shard) Ready() bool { return s.cur != nil && s.next < len(s.cur.frames) }

// Next implements capture.Source.
func (s *shard) Next(f *capture.Frame) error {
	if s.cur == nil || s.next == len(s.cur.frames) {
		if err := s.advance(); err != nil {
			return err
		}
	}
	s.cur.frame(f, s.next)
	s.next++
	if s.whole.closed.Load() {
		// The batch was counted whole: take back this frame and those behind it.
		s.count.Add(^uint64(len(s.cur.frames) - s.next))
		s.next = len(s.cur.frames)
		return errClosed
	}
	return nil
}

// advance takes the next batch.
func (s *shard) advance() error {
	if b := s.cur; b != nil {
		s.cur, s.next = nil, 0
		if b.chunk != nil {
			s.whole.in.release(b.chunk)
			b.buf, b.chunk = nil, nil
			select {
			case s.spare <- b:
			default:
			}
		}
	}
	if s.err != nil {
		return s.err
	}
	in := s.whole.in
	select {
	case b, ok := <-s.queue:
		if !ok {
			s.err = s.end()
			return s.err
		}
		s.cur = b
		s.count.Add(uint64(len(b.frames)))
		return nil
	case <-in.done:
		s.err = errClosed
		return s.err
	}
}

// end returns the error that ended the file. An error other than io.EOF waits
// for the other shards: their readers may stop at once when one fails, and shall
// have all that is whole.
func (s *shard) end() error {
	d := s.whole.dealer.Load()
	<-d.dealt
	if d.reading.Add(-1) == 0 {
		close(d.drained)
	}
	if d.err != io.EOF {
		select {
		case <-d.drained:
		case <-s.whole.in.done:
		}
	}
	return d.err
}

// LinkType implements capture.Source.
func (s *shard) LinkType() decode.LinkType { return s.whole.LinkType() }

// Stats implements capture.Source: those of the whole.
func (s *shard) Stats() (capture.Stats, error) { return s.whole.Stats() }

// Close implements capture.Source: it closes the whole.
func (s *shard) Close() error { return s.whole.Close() }
