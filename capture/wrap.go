package capture

import "sync/atomic"

// A wrapped source shows each frame of its inner Source to a function before
// it gives it out. Shards are wrapped one by one.
type wrapped struct {
	Source // what is read
	*wrapping
	live bool
	err  error // of each; sticky
}

// A wrapping is what the shards of a wrapped source share.
type wrapping struct {
	each func(*Frame) (keep bool, err error)
	left atomic.Uint64 // frames that were read and not given out
}

func wrap(src Source, each func(*Frame) (bool, error)) Source {
	return &wrapped{Source: src, wrapping: &wrapping{each: each}, live: src.Info().Live}
}

// Read implements Source.
func (w *wrapped) Read(fs []Frame) (int, error) {
	for w.err == nil {
		n, err := w.Source.Read(fs)
		if n == 0 {
			return 0, err
		}
		until := fs[n-1].Time
		kept := w.sift(fs[:n])
		switch {
		case kept > 0:
			return kept, nil
		case w.live && w.err == nil: // time goes on also where nothing is kept
			fs[0] = Frame{Time: until}
			return 0, nil
		}
	}
	return 0, w.err
}

// sift moves the frames to be given out to the front and returns how many there
// are.
func (w *wrapped) sift(fs []Frame) (kept int) {
	for i := range fs {
		keep, err := w.each(&fs[i])
		if err != nil {
			w.err = err
			break
		}
		if !keep {
			continue
		}
		if kept < i {
			fs[kept] = fs[i]
		}
		kept++
	}
	if left := len(fs) - kept; left > 0 {
		w.left.Add(uint64(left))
	}
	return kept
}

// Stats implements Source.
func (w *wrapped) Stats() (Stats, error) {
	left := w.left.Load() // first: what is left out was captured before
	st, err := w.Source.Stats()
	left = min(left, st.Captured)
	st.Captured -= left
	st.Skipped += left
	return st, err
}

// Shards implements Sharded.
func (w *wrapped) Shards() []Source {
	sharded, ok := w.Source.(Sharded)
	if !ok {
		return []Source{w}
	}
	shards := sharded.Shards()
	for i, s := range shards {
		shards[i] = &wrapped{Source: s, wrapping: w.wrapping, live: w.live}
	}
	return shards
}
