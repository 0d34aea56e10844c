package websocket

// A span is a range of a stream, [from, to).
type span struct{ from, to int64 }

// maxSpans bounds the spans remembered of a direction.
const maxSpans = 32

// addSpan adds a span. Where there are too many it becomes one with the last:
// rather too much than too little.
func addSpan(spans []span, s span) []span {
	if len(spans) == maxSpans {
		last := &spans[maxSpans-1]
		last.from, last.to = min(last.from, s.from), max(last.to, s.to)
		return spans
	}
	return append(spans, s)
}
