package pcapfile

import "github.com/wstap/wstap/capture"

// Tee returns a Source that gives out what src does and writes each frame to w.
// It is in all else what src is: live, divided into shards, and read in batches.
//
// A pcapng file also gets the drop counts, the names of the interfaces, and, if
// src is a *[Reader], all that it knows of interfaces and frames. When src ends or
// is closed the next Read flushes w. Close closes src and not w. Errors of w end
// the Tee; frames that were read and not given out then count as Skipped.
//
// Shards of a live source are written as they come: the order of the file is that
// of each connection. A *Reader is read as one, whatever its Workers, so that the
// order stays.
func Tee(src capture.Source, w *Writer) capture.Source {
	r := newRecorder(src, w)
	return &tee{Source: capture.Observe(src, r.write), r: r}
}

// A tee is the Source that Tee returns, or one of its shards.
type tee struct {
	capture.Source
	r     *recorder
	ended bool
}

// Read implements capture.Source.
func (t *tee) Read(fs []capture.Frame) (int, error) {
	if t.r.file != nil {
		t.r.inBatch = 0
		if r := t.r.w.rotation; r != nil && r.Begun != nil {
			fs = fs[:1] // what is in a file has been read when the next one begins
		}
	}
	n, err := t.Source.Read(fs)
	if err != nil && !t.ended {
		t.ended = true
		if werr := t.r.end(); werr != nil {
			err = werr
		}
	}
	return n, err
}

// Shards implements capture.Sharded.
func (t *tee) Shards() []capture.Source {
	if t.r.file != nil {
		return []capture.Source{t}
	}
	shards := t.Source.(capture.Sharded).Shards()
	for i, s := range shards {
		shards[i] = &tee{Source: s, r: t.r}
	}
	t.r.going = len(shards)
	return shards
}
