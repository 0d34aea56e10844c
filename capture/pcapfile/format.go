package pcapfile

import (
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// A format is the way in which a file's frames are written down.
type format interface {
	// next reads frames that the input holds whole, and returns how many: at
	// least one, at most len(es), unless there is an error. errMore is that of a
	// frame of which more must be read; next goes on with it when called again.
	next(es []entry) (int, error)
	// whole says that the input holds a frame.
	whole() bool
	// decoder is that of the frame that next returned last.
	decoder() decoder
}

// A decoder fills in an entry for data that begins at start in buf, where next
// has found a frame. It does not change: any goroutine may use it.
type decoder interface {
	decode(e *entry, buf []byte, start int)
}

// An entry is a capture.Frame whose data is a part of some buffer.
type entry struct {
	start, end uint32 // of the data
	length     int
	sec, nsec  int64 // as time.Unix takes them
	ifi        int32
	link       decode.LinkType
	dir        capture.Direction
	alone      bool // a decoder cannot make it again
	held       bool // the buffer is batch.held
}

// frame fills in f.
func (e *entry) frame(f *capture.Frame, buf []byte) {
	f.Data = buf[e.start:e.end:e.end]
	f.Length = e.length
	f.Time = time.Unix(e.sec, e.nsec).UTC()
	f.Link = e.link
	f.Interface = int(e.ifi)
	f.Direction = e.dir
	f.Checksum = capture.ChecksumUnknown
}
