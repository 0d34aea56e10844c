package capture

import (
	"io"
	"iter"

	"github.com/wstap/wstap/decode"
)

// A Source gives out frames. Read must not be called from two goroutines at
// once; the other methods may be called from any, at any time.
//
// There is one way to end the wait of a Read: Stop or Close.
type Source interface {
	// Read fills in the next frames, at most len(fs), and returns how many: at
	// least one, unless there is an error, fs is empty, or the source is live (see
	// below). It never returns both frames and an error. It waits for the first
	// frame alone, and so returns fewer where the others are not there yet. Their
	// Data is borrowed until the next Read or Close.
	//
	// A live source may return no frames and no error where it has waited in vain
	// for a while. Then nothing that was captured by fs[0].Time is still to come:
	// so goes the time of who waits for frames by the clock that stamps them. A
	// zero Time says nothing. As a Source that does nothing else, the reader reads
	// on. With a live source that never returns so, what waits for missing bytes
	// waits for the next frame.
	//
	// The error is io.EOF at the end and after Stop, and matches net.ErrClosed
	// after Close. It is returned again by every later Read.
	Read(fs []Frame) (int, error)
	// Info says what the source is. It does not change while the source is read.
	Info() Info
	// Stats returns the counters since the Source was opened.
	Stats() (Stats, error)
	// Stop ends the capture but not the reading: nothing more comes in, Read
	// gives out what was captured before, and then returns io.EOF. Stop does not
	// wait, stopping twice is no error, and Close is still due. After Close the
	// error matches net.ErrClosed.
	Stop() error
	// Close releases the Source and ends a Read that waits. Closing twice is no
	// error.
	Close() error
}

// Info says what a [Source] is. Its zero value describes an unnamed recording.
type Info struct {
	// Name is where the frames come from, for people to read: interfaces, or a
	// file. Empty means that it has none.
	Name string
	// Link is the type of the frames, or of the first interface where frames
	// differ; Frame.Link is each frame's own. The zero value is LinkNull, as in
	// files.
	Link decode.LinkType
	// SnapLen is the most bytes of a frame that are kept. 0 means that there is
	// no limit, or that it is not known.
	SnapLen int
	// Live means that frames come as they happen, and that a reader that is slow
	// loses some. A reader must therefore not wait for its own readers, and what
	// comes late is as good as lost: a Tap drops messages instead of blocking and
	// waits for missing bytes for a short time only. False means that the frames
	// wait for their reader, as those of a file or a pipe.
	Live bool
	// InterfaceName returns the name of the interface with the number that
	// Frame.Interface has, or "" where there is none. It may be called from any
	// goroutine. Nil means that interfaces have no names.
	InterfaceName func(index int) string
}

// A Sharded source can be read as several Sources at once, one goroutine each:
// all packets of a connection come from the same one, in order. Read of the
// whole merges them. The shards share the whole's Info, Stats, Stop and Close.
type Sharded interface {
	Source
	// Shards returns at least one Source. After the call Read of the whole must
	// no longer be used.
	Shards() []Source
}

// Frames yields the frames of src, one by one, for programs that need no
// batches. A frame is borrowed until the next iteration. The iteration ends at
// io.EOF; any other error is yielded last, with a nil Frame. After breaking off
// another iteration goes on with the next frame.
func Frames(src Source) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		var one [1]Frame
		for {
			n, err := src.Read(one[:])
			switch {
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, err)
				return
			case n > 0 && !yield(&one[0], nil):
				return
			}
		}
	}
}
