package capture

import "time"

// To wake a reader for each block costs more processor time than to read one of small
// frames. Where blocks fill fast some are let gather: none stays longer than it would on
// a quiet line, and they take a small part of the ring, so that there is room if traffic
// grows meanwhile.
const (
	gatherTime = 4  // this part of a block's timeout is the longest pause
	gatherRing = 16 // this part of the ring is to be filled at most
)

// gathering returns how long the reader of a ring that has read all pauses before it
// waits for the next block, if the last one was filled in such a time; 0 if it was not.
func gathering(filled, timeout time.Duration, blocks int) time.Duration {
	pause := min(timeout/gatherTime, filled*time.Duration(blocks/gatherRing))
	if pause <= filled || filled <= 0 {
		return 0 // there would be one
	}
	return pause
}
