package pcapfile

import (
	"io"
	"sync/atomic"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

var _ capture.Sharded = (*Reader)(nil)

// lowWater is how many batches a shard wants to have waiting: if it has less it
// deals another chunk first.
const lowWater = 2

// A batch is what one chunk holds for one shard. Of most frames it says only
// where they are, for it passes from one processor's cache to another's, which
// takes longer than to decode them again.
type batch struct {
	frames  []uint32 // where their data begins in buf, or odd + index in others
	chunk   *chunk   // of buf
	buf     []byte
	decoder decoder
	others  []entry
	held    []byte // the data of those that were held back
}

// odd marks a frame that the batch's decoder cannot make.
const odd = 1 << 31

// other adds such a frame, and returns what frames shall have of it.
func (b *batch) other(e entry) uint32 {
	b.others = append(b.others, e)
	return odd + uint32(len(b.others)-1)
}

// A shard is a Source of the connections that fall to it.
type shard struct {
	r      *Reader
	dealer *dealer
	queue  chan *batch
	spare  chan *batch
	cur    *batch   // being given out, or nil
	frames []uint32 // of cur, not decoded
	count  atomic.Uint64
	err    error // sticky

	entries [16]entry
	ahead   []entry  // those that are decoded and not given out
	_       [64]byte // keeps other shards off the cache line of ahead
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
	d := newDealer(r)
	sources := make([]capture.Source, r.workers)
	for i := range d.hands {
		sources[i] = d.hands[i].shard
	}
	r.dealer.Store(d)
	return sources
}

// Ready says that Next has a frame at hand.
func (s *shard) Ready() bool { return len(s.ahead) > 0 || len(s.frames) > 0 }

// Next implements capture.Source.
func (s *shard) Next(f *capture.Frame) error {
	if len(s.ahead) == 0 {
		if len(s.frames) == 0 {
			if err := s.advance(); err != nil {
				return err
			}
		}
		s.decode()
	}
	if s.r.closed.Load() {
		// The batch was counted whole: take back what is left of it.
		s.count.Add(-uint64(len(s.ahead) + len(s.frames)))
		s.ahead, s.frames = nil, nil
		return errClosed
	}
	e := &s.ahead[0]
	s.ahead = s.ahead[1:]
	if e.held {
		e.frame(f, s.cur.held)
	} else {
		e.frame(f, s.cur.buf)
	}
	return nil
}

// decode decodes some frames at once: they come from another processor's cache,
// and so it waits for all of them at the same time.
func (s *shard) decode() {
	b, n := s.cur, min(len(s.frames), len(s.entries))
	for i, at := range s.frames[:n] {
		if at&odd != 0 {
			s.entries[i] = b.others[at&^odd]
		} else {
			b.decoder.decode(&s.entries[i], b.buf, int(at))
		}
	}
	s.frames, s.ahead = s.frames[n:], s.entries[:n]
}

// advance takes the next batch. A shard that has few left deals the next chunk
// before that, or reads one while another shard deals: so the others need not
// wait while it works.
func (s *shard) advance() error {
	s.leave()
	if s.err != nil {
		return s.err
	}
	d := s.dealer
	if len(s.queue) < lowWater {
		select {
		case d.turn <- struct{}{}:
			if s.r.in.ready() {
				d.deal()
			}
			<-d.turn
		default:
			s.r.in.help()
		}
	}
	for {
		select {
		case b, ok := <-s.queue:
			if !ok {
				s.err = s.end()
				return s.err
			}
			s.cur, s.frames = b, b.frames
			s.count.Add(uint64(len(b.frames)))
			return nil
		case d.turn <- struct{}{}:
			if len(s.queue) == 0 {
				d.deal()
			}
			<-d.turn
		case <-s.r.in.done:
			s.err = errClosed
			return s.err
		}
	}
}

// leave gives up the current batch.
func (s *shard) leave() {
	if s.cur != nil {
		s.recycle(s.cur)
		s.cur = nil
	}
}

// recycle makes an empty batch of one that is no longer needed.
func (s *shard) recycle(b *batch) {
	s.r.in.release(b.chunk)
	*b = batch{frames: b.frames[:0], others: b.others[:0], held: b.held[:0]}
	select {
	case s.spare <- b:
	default:
	}
}

// end returns the error that ended the file. An error other than io.EOF waits
// for the other shards: their readers may stop at once when one fails, and shall
// have all that is whole.
func (s *shard) end() error {
	d := s.dealer
	if d.reading.Add(-1) == 0 {
		close(d.drained)
	}
	if d.err != io.EOF {
		select {
		case <-d.drained:
		case <-s.r.in.done:
		}
	}
	if s.r.closed.Load() {
		return errClosed
	}
	return d.err
}

// LinkType implements capture.Source.
func (s *shard) LinkType() decode.LinkType { return s.r.LinkType() }

// Stats implements capture.Source: those of the whole.
func (s *shard) Stats() (capture.Stats, error) { return s.r.Stats() }

// Close implements capture.Source: it closes the whole.
func (s *shard) Close() error { return s.r.Close() }
