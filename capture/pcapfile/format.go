package pcapfile

import "github.com/wstap/wstap/capture"

// A format is the way in which a file's frames are written down.
type format interface {
	// next fills in frames that the input holds whole and the walker wants, at
	// most len(fs), and returns how many. Without an error fs is full, or the
	// walker has to look at frames that were held back. The error is that of what
	// follows the frames: errMore where more must be read, after which next goes
	// on when called again, or the last one.
	next(fs []capture.Frame) (int, error)
	// clone returns what goes on from the same place for another walker.
	clone(w *walker) format
}
