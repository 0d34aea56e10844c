package pcapfile

import (
	"sync"
	"time"

	"github.com/wstap/wstap/capture"
)

// dropInterval is how often, in packet time, a recorder asks a source for drops.
const dropInterval = time.Second

// A recorder writes the frames that all shards of a source give out, and what
// else a file can say of them.
type recorder struct {
	src   capture.Source
	names func(int) string // of interfaces; nil: not for w
	w     *Writer

	// For a *Reader, which has no shards here.
	file      *Reader // src, or nil
	inBatch   int     // number of the next frame in its batch
	described int     // interfaces of file that w knows

	mu      sync.Mutex       // guards the rest
	going   int              // shards that have not ended
	last    ngKey            // interface of the last frame, valid iff time is not zero
	time    time.Time        // of the last frame
	several bool             // frames came from more than one interface
	asked   time.Time        // when the source was last asked for drops
	dropped uint64           // what it said
	noted   map[ngKey]uint64 // drops written with frames of an interface
}

func newRecorder(src capture.Source, w *Writer) *recorder {
	r := &recorder{src: src, w: w, going: 1, noted: map[ngKey]uint64{}}
	r.file, _ = src.(*Reader)
	if e, ng := w.format.(*pcapngEncoder); ng && e.describe == nil {
		r.names = src.Info().InterfaceName
	}
	return r
}

// write writes one frame. It is called by all shards.
func (r *recorder) write(f *capture.Frame) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		r.time = f.Time
		return r.copy(f)
	}
	key := ngKey{f.Interface, f.Link}
	if fresh := r.time.IsZero(); fresh || key != r.last {
		r.several = !fresh
		if err := r.name(f); err != nil {
			return err
		}
	}
	r.last, r.time = key, f.Time
	info, err := r.drops(f.Time)
	if err != nil {
		return err
	}
	return r.w.WriteFrameInfo(f, info)
}

// copy writes a frame of file with all that is said of it there.
func (r *recorder) copy(f *capture.Frame) error {
	i := r.inBatch
	r.inBatch++
	notes := r.file.walker.notes
	if i >= len(notes) {
		if err := r.describe(int(r.file.meta.count.Load())); err != nil {
			return err
		}
		return r.w.WriteFrame(f)
	}
	e := &notes[i]
	if err := r.describe(int(e.interfaces)); err != nil {
		return err
	}
	if len(e.options) == 0 && e.drops == 0 {
		return r.w.WriteFrame(f)
	}
	info := e.info()
	return r.w.WriteFrameInfo(f, &info)
}

// describe makes w know the first n interfaces of file.
func (r *recorder) describe(n int) error {
	if r.described >= n {
		return nil
	}
	for _, ifi := range r.file.meta.from(r.described)[:n-r.described] {
		if err := r.w.AddInterface(r.described, ifi); err != nil {
			return err
		}
		r.described++
	}
	return nil
}

// name makes w know the name of an interface, of which f is the first frame or
// the first after others.
func (r *recorder) name(f *capture.Frame) error {
	if r.names == nil {
		return nil
	}
	return r.w.AddInterface(f.Interface, Interface{Link: f.Link, Name: r.names(f.Interface)})
}

// drops returns the frames dropped since the last time, now and then.
func (r *recorder) drops(now time.Time) (*FrameInfo, error) {
	if now.Sub(r.asked).Abs() < dropInterval {
		return nil, nil
	}
	r.asked = now
	st, err := r.src.Stats()
	if err != nil || st.Dropped <= r.dropped {
		return nil, err
	}
	info := &FrameInfo{Dropped: st.Dropped - r.dropped}
	r.dropped = st.Dropped
	r.noted[r.last] += info.Dropped
	return info, nil
}

// end is called once by each shard. After the last one it writes the
// statistics.
func (r *recorder) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.going--; r.going == 0 {
		write := r.statistics
		if r.file != nil {
			write = r.copyStatistics
		}
		if err := write(); err != nil {
			return err
		}
	}
	return r.w.Flush()
}

func (r *recorder) statistics() error {
	st, err := r.src.Stats()
	if err != nil || r.time.IsZero() {
		return nil // the file is whole without
	}
	// The source counts over all its interfaces: the last one seen takes the
	// drops that no frame told.
	if r.several {
		st.Captured, st.Received = 0, 0
	}
	st.Dropped = st.Dropped - r.dropped + r.noted[r.last]
	return r.w.WriteStatistics(r.last.number, r.last.link, st, r.time)
}

func (r *recorder) copyStatistics() error {
	if err := r.describe(int(r.file.meta.count.Load())); err != nil {
		return err
	}
	for i, ifi := range r.file.Interfaces() {
		if ifi.Received == 0 && ifi.Dropped == 0 {
			continue
		}
		st := capture.Stats{Received: ifi.Received, Dropped: ifi.Dropped}
		if err := r.w.WriteStatistics(i, ifi.Link, st, r.time); err != nil {
			return err
		}
	}
	return nil
}
