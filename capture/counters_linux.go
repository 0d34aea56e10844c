package capture

import (
	"fmt"
	"time"
)

func (l *live) stats() (Stats, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// In this order: nothing is captured before it is received.
	var captured, skipped uint64
	for _, s := range l.shards {
		captured += s.captured.Load()
		skipped += s.skipped.Load()
	}
	err := l.readCounters(time.Time{})
	st := l.counts
	st.Captured, st.Skipped = captured, skipped
	return st, err
}

// count reads the kernel's counters. lost is the time of the last frame before
// a drop, if a reader saw one.
func (l *live) count(lost time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readCounters(lost)
}

// readCounters adds up the kernel's counters, which begin anew on each read.
func (l *live) readCounters(lost time.Time) error {
	if l.closed {
		return nil
	}
	for _, s := range l.shards {
		c, err := s.socket.Counters()
		if err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		l.counts.Received += uint64(c.Received)
		l.counts.Dropped += uint64(c.Dropped)
		l.counts.Freezes += uint64(c.Freezes)
		if c.Dropped > 0 && lost.IsZero() {
			// No reader got there yet: the ring is full.
			lost = s.newestStamp()
		}
	}
	if l.counts.FirstDrop.IsZero() {
		l.counts.FirstDrop = lost
	}
	return nil
}
