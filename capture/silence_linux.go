package capture

import (
	"errors"
	"time"
)

// While nothing comes Read says so: after leastPatience, so that what waits for
// missing bytes comes within a tenth of a second, then half as often each time, so
// that a silent line costs nothing.
const (
	leastPatience = 20 * time.Millisecond
	mostPatience  = 160 * time.Millisecond
)

// errSilent is what advance returns if nothing came while it waited.
var errSilent = errors.New("capture: nothing comes")

// isSilent says whether all that was captured was given out, and makes the next
// wait longer.
func (s *shard) isSilent() bool {
	if !s.stopped.IsZero() || s.ring.Filling() > 0 {
		return false
	}
	s.patience = min(max(2*s.patience, leastPatience), mostPatience)
	return true
}

// silentUntil returns the time by the clock that stamps frames, or a little less:
// the last stamp and what has passed since it was read.
func (s *shard) silentUntil() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastStamp.IsZero() {
		return time.Time{}
	}
	return s.lastStamp.Add(time.Since(s.taken))
}
