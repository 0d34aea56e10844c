package pcapfile

import (
	"io"
	"os"
	"sync/atomic"

	"github.com/wstap/wstap/capture"
)

var _ capture.Sharded = (*Reader)(nil)

// A team is the walkers that divide a file.
type team struct {
	walkers []*walker
	going   atomic.Int32  // those that are not at the end
	drained chan struct{} // closed when all are
}

// Shards implements capture.Sharded. It returns Config.Workers Sources that
// divide the file's connections among them, or the Reader itself if that is 1.
// Each goes over the whole file and skips what is not its own. All must be read,
// each by a goroutine of its own, until their end or Close: those that are ahead
// wait for the others.
func (r *Reader) Shards() []capture.Source {
	if r.workers <= 1 {
		return []capture.Source{r}
	}
	t := &team{drained: make(chan struct{})}
	t.going.Store(int32(r.workers))
	sources := make([]capture.Source, r.workers)
	for i, in := range r.readers(r.workers) {
		w := r.walker.clone(in, t, i)
		t.walkers = append(t.walkers, w)
		sources[i] = w
	}
	r.team.Store(t)
	return sources
}

// readers returns n readers of what follows the window. A plain file is read by
// each walker for itself; anything else is read once.
func (r *Reader) readers(n int) []io.Reader {
	readers := make([]io.Reader, n)
	first, ok := r.walker.in.r.(*tail)
	if !ok {
		if file, ok := r.src.(*os.File); ok && !r.unpacker.gzip {
			if at, err := file.Seek(0, io.SeekCurrent); err == nil {
				r.pace.split(n, at)
				for i := range readers {
					readers[i] = &lane{file, at, &r.pace, i}
				}
				readers[0] = &lane{sequential{file}, at, &r.pace, 0}
				return readers
			}
		}
		r.pace.split(1, 0) // in chunks from now on
		first = r.readAhead()
	}
	for i, t := range first.tails(n) {
		readers[i] = t
	}
	return readers
}

// clone returns a walker that goes on from where w is.
func (w *walker) clone(in io.Reader, t *team, i int) *walker {
	c := &walker{
		r:          w.r,
		in:         w.in.clone(in),
		assignment: newAssignment(i, w.r.workers),
		team:       t,
		index:      i,
		err:        w.err,
	}
	c.format = w.format.clone(c)
	return c
}

// leave is called once by each walker, at its end. An error other than io.EOF
// waits there for the others: their readers may stop at once when one fails, and
// shall have all that is whole.
func (t *team) leave(w *walker, err error) {
	w.r.pace.set(w.index, gone)
	if t.going.Add(-1) == 0 {
		close(t.drained)
	}
	if err != io.EOF {
		select {
		case <-t.drained:
		case <-w.r.done:
		}
	}
}
