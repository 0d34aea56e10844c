package websocket

// Losses are what is missing from what a Tap gave out. What was sent twice, what
// filters and selections left out, and what is no TCP, is not lost.
type Losses struct {
	Packets  uint64 // that the kernel had no room for, or of whose headers too little was captured
	Bytes    uint64 // of WebSocket connections, told as gaps
	Messages uint64 // that found the channel full, or the receiver gone
	Flawed   uint64 // messages that are not Whole, given out or not
	Conns    uint64 // given up for a budget before it was known whether they are WebSockets
}

// Losses returns what has been lost since the Tap was made.
func (s *Stats) Losses() Losses {
	return Losses{
		Packets:  s.Capture.Dropped + s.CutHeaders,
		Bytes:    s.LostBytes,
		Messages: s.MessageDropped,
		Flawed:   s.Traffic[0].Flawed + s.Traffic[1].Flawed,
		Conns:    s.GivenUp,
	}
}

// Sub returns what was lost since an earlier moment.
func (l Losses) Sub(earlier Losses) Losses {
	return Losses{
		Packets:  l.Packets - earlier.Packets,
		Bytes:    l.Bytes - earlier.Bytes,
		Messages: l.Messages - earlier.Messages,
		Flawed:   l.Flawed - earlier.Flawed,
		Conns:    l.Conns - earlier.Conns,
	}
}
