package websocket

// A span is a range of a stream, [from, to).
type span struct{ from, to int64 }

// maxConflicts bounds the spans remembered of a direction.
const maxConflicts = 32

// addConflict adds bytes that were seen twice with different contents.
func addConflict(conflicts []span, s span) []span {
	if len(conflicts) == maxConflicts { // rather too much than too little
		last := &conflicts[maxConflicts-1]
		last.from, last.to = min(last.from, s.from), max(last.to, s.to)
		return conflicts
	}
	return append(conflicts, s)
}
