package websocket

import "time"

// A span is a range of a stream, [from, to).
type span struct{ from, to int64 }

// maxConflicts bounds the spans remembered of a direction.
const maxConflicts = 32

// Conflict implements reassembly.Consumer.
func (c *conn) Conflict(dir Direction, offset, n int64, t time.Time) {
	if c.swap {
		dir = dir.Reverse()
	}
	h := &c.halves[dir]
	s := span{offset, offset + n}
	if h.mode != inHTTP2 {
		h.conflict(s)
		return
	}
	// Whose bytes these are, or will be, is not told: each stream's that lie, or
	// come, no farther from here.
	for _, st := range c.h2.streams {
		if st.conn != nil {
			o := &st.conn.halves[dir]
			o.conflict(span{o.offset + min(0, s.from-h.offset), o.offset + max(0, s.to-h.offset)})
		}
	}
}

// conflict notes bytes that were seen twice with different contents.
func (h *half) conflict(s span) {
	h.needRare()
	if len(h.conflicts) == maxConflicts { // rather too much than too little
		last := &h.conflicts[maxConflicts-1]
		last.from, last.to = min(last.from, s.from), max(last.to, s.to)
		return
	}
	h.conflicts = append(h.conflicts, s)
}

// conflicted says whether a conflict was seen from an offset of the stream on to
// the present one, and forgets those that no message to come has part in.
func (h *half) conflicted(from int64) (found bool) {
	past := h.offset
	if h.data != nil { // a control frame stands in a message
		past = h.data.begin
	}
	keep := h.conflicts[:0]
	for _, s := range h.conflicts {
		if s.from < h.offset && s.to > from {
			found = true
		}
		if s.to > past {
			keep = append(keep, s)
		}
	}
	h.conflicts = keep
	return found
}
