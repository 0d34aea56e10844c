package pcapfile

import (
	"time"

	"github.com/wstap/wstap/capture"
)

// dropInterval is how often, in packet time, a tee asks a live source for drops.
const dropInterval = time.Second

type tee struct {
	capture.Source
	w    *Writer
	file *Reader // Source, if it is one

	described int // interfaces of file that w knows

	last    ngKey     // interface of the last frame, valid iff time is not zero
	time    time.Time // of the last frame
	several bool      // frames came from more than one interface

	asked   time.Time        // when the source was last asked for drops
	dropped uint64           // what it said
	told    map[ngKey]uint64 // drops written with frames of an interface
	ended   bool
}

// Tee returns a Source that gives out what src does and writes each frame to w.
// A pcapng file also gets the drop counts, and those interfaces, comments and
// flags that src knows if it is a *Reader. When src ends or is closed the next
// call of Next flushes w. The names of live interfaces come from the method
// InterfaceName of src, if it has one. Close closes src and not w. Errors of w end the Tee.
func Tee(src capture.Source, w *Writer) capture.Source {
	t := &tee{Source: src, w: w, told: map[ngKey]uint64{}}
	t.file, _ = src.(*Reader)
	return t
}

func (t *tee) Next(f *capture.Frame) error {
	if err := t.Source.Next(f); err != nil {
		if werr := t.finish(); werr != nil {
			return werr
		}
		return err
	}
	return t.write(f)
}

func (t *tee) write(f *capture.Frame) error {
	key := ngKey{f.Interface, f.Link}
	if fresh := t.time.IsZero(); fresh || key != t.last {
		t.several = !fresh
		if err := t.name(f); err != nil {
			return err
		}
	}
	t.last, t.time = key, f.Time
	if t.file == nil {
		info, err := t.live(f.Time)
		if err != nil {
			return err
		}
		return t.w.WriteFrameInfo(f, info)
	}
	if err := t.describe(); err != nil {
		return err
	}
	if e := &t.file.walker.extra; len(e.options) == 0 && e.drops == 0 {
		return t.w.WriteFrame(f)
	}
	info := t.file.Info()
	return t.w.WriteFrameInfo(f, &info)
}

// name tells w the name of a live interface, of which f is the first frame or
// the first after others.
func (t *tee) name(f *capture.Frame) error {
	n, ok := t.Source.(interface{ InterfaceName(int) string })
	if e, ng := t.w.format.(*pcapngEncoder); ok && ng && e.describe == nil {
		return t.w.AddInterface(f.Interface, Interface{Link: f.Link, Name: n.InterfaceName(f.Interface)})
	}
	return nil
}

// live returns the frames dropped since the last time, now and then.
func (t *tee) live(now time.Time) (*Info, error) {
	if now.Sub(t.asked).Abs() < dropInterval {
		return nil, nil
	}
	t.asked = now
	st, err := t.Source.Stats()
	if err != nil || st.Dropped <= t.dropped {
		return nil, err
	}
	info := &Info{Dropped: st.Dropped - t.dropped}
	t.dropped = st.Dropped
	t.told[t.last] += info.Dropped
	return info, nil
}

// describe tells w the file's interfaces that came since the last time.
func (t *tee) describe() error {
	if int(t.file.meta.count.Load()) == t.described {
		return nil
	}
	for _, ifi := range t.file.meta.from(t.described) {
		if err := t.w.AddInterface(t.described, ifi); err != nil {
			return err
		}
		t.described++
	}
	return nil
}

// finish writes the statistics once, and flushes.
func (t *tee) finish() error {
	if t.ended {
		return nil
	}
	t.ended = true
	if t.file != nil {
		if err := t.describe(); err != nil {
			return err
		}
		for i, ifi := range t.file.Interfaces() {
			if ifi.Received == 0 && ifi.Dropped == 0 {
				continue
			}
			st := capture.Stats{Received: ifi.Received, Dropped: ifi.Dropped}
			if err := t.w.WriteStatistics(i, ifi.Link, st, t.time); err != nil {
				return err
			}
		}
		return t.w.Flush()
	}
	st, err := t.Source.Stats()
	if err == nil && !t.time.IsZero() {
		// The source counts over all its interfaces: the last one seen takes
		// the drops that no frame told.
		if t.several {
			st.Captured, st.Received = 0, 0
		}
		st.Dropped = st.Dropped - t.dropped + t.told[t.last]
		if err := t.w.WriteStatistics(t.last.number, t.last.link, st, t.time); err != nil {
			return err
		}
	}
	return t.w.Flush()
}
