package websocket

import (
	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/reassembly"
)

// Stats are counters since the Tap was made. Nothing is lost between them: each
// packet and byte that was received is in one of the counters on the right.
//
//	Capture.Received + Aggregated + Reassembly.Reassembled =
//		Capture.Dropped + Capture.Skipped + Undecoded +
//		Reassembly.Segments + Stray + Fragments + Other
//
//	Reassembly.Bytes + TLS.Opened =
//		HTTPBytes + HeaderBytes + PayloadBytes + DraftBytes + SkippedBytes + HeldBytes +
//		TLS.Bytes +
//		Reassembly.Queued + Urgent + Skipped + Duplicate + Late + Outside + Discarded
//
//	Traffic[0].Messages() + Traffic[1].Messages() = Messages + MessageDropped + Unselected
//
// Bytes that were never received are in Reassembly.Gapped, and those of them
// that belong to WebSocket connections in LostBytes. While the Tap runs, packets
// in the ring and messages on the way to the channel are still missing on the
// right. Accounts returns these sums in detail.
type Stats struct {
	Capture    capture.Stats
	Undecoded  uint64           // packets that decode could not read, and of these:
	CutHeaders uint64           // packets of which too little was captured
	OddLinks   uint64           // packets of a link type that is not known
	Aggregated uint64           // further packets in frames that carry several (IEEE 802.11)
	Guessed    uint64           // packets in frames that are said to be Ethernet and begin with IP
	Reassembly reassembly.Stats // over all pipelines
	TLS        decrypt.Stats    // the same

	HTTPBytes    uint64 // of heads and bodies, and of what proxies put before them
	HeaderBytes  uint64 // of frame headers
	PayloadBytes uint64 // of frame payloads, as sent
	DraftBytes   uint64 // of drafts before RFC 6455 whose frames are not read
	SkippedBytes uint64 // in which no frame was found, and of connections given up
	HeldBytes    uint64 // waiting for the other side of a handshake, or for the next frame to show: goes down again

	Messages       uint64    // given out, control frames included
	MessageDropped uint64    // not given out: the channel was full, or the receiver had gone
	Unselected     uint64    // not given out: refused by Config.Select, or of connections refused by Config.Accept
	MessageCopies  uint64    // of Messages and those dropped while the receiver was there, the ones flagged Copy
	Conns          uint64    // WebSocket connections, refused handshakes included
	LateConns      uint64    // those of them that were found mid-stream
	Untold         uint64    // those of them that Batches told nothing of: the channel was full all the while
	ConnCopies     uint64    // those of them that are copies: see Conn.CopyOf
	Active         uint64    // those of them that have not ended
	LostBytes      uint64    // bytes of WebSocket connections told as gaps
	Traffic        [2]Counts // messages over all connections, by Direction

	WrongFinds uint64 // times that frames were found in the middle of a stream and turned out to be none
	// Protocols are TCP connections with data, by Protocol: each counts once, as
	// what is known of it now.
	Protocols [protocols]uint64

	GivenUp        uint64 // connections given up for MaxBuffered before it was known whether they are WebSockets
	WindowsDropped uint64 // histories of compressed directions given up for MaxWindows
	BufferedBytes  int    // counted against MaxBuffered now
	WindowBytes    int    // counted against MaxWindows now
}

// Stats may be called from any goroutine at any time, also after the end. While
// the Tap runs it tells what was counted up to the last few packets worked on
// together: within a loop over Events, up to 128 packets before the event. At the
// end it is exact.
func (t *Tap) Stats() Stats {
	var s Stats
	unread := uint64(0)
	// In this order: nothing is worked on before it is captured.
	for _, p := range t.pipelines() {
		unread += p.addStats(&s)
	}
	s.Capture, _ = t.src.Stats()
	s.Capture.Captured -= unread
	s.Capture.Received -= unread
	return s
}

// add adds what a pipeline counted.
func (s *Stats) add(o *Stats) {
	s.Undecoded += o.Undecoded
	s.CutHeaders += o.CutHeaders
	s.OddLinks += o.OddLinks
	s.Aggregated += o.Aggregated
	s.Guessed += o.Guessed
	s.Reassembly.Add(&o.Reassembly)
	s.TLS.Add(&o.TLS)
	s.HTTPBytes += o.HTTPBytes
	s.HeaderBytes += o.HeaderBytes
	s.PayloadBytes += o.PayloadBytes
	s.DraftBytes += o.DraftBytes
	s.SkippedBytes += o.SkippedBytes
	s.HeldBytes += o.HeldBytes
	s.Messages += o.Messages
	s.MessageDropped += o.MessageDropped
	s.Unselected += o.Unselected
	s.MessageCopies += o.MessageCopies
	s.Conns += o.Conns
	s.LateConns += o.LateConns
	s.Untold += o.Untold
	s.ConnCopies += o.ConnCopies
	s.Active += o.Active
	s.LostBytes += o.LostBytes
	for dir := range s.Traffic {
		s.Traffic[dir].Add(&o.Traffic[dir])
	}
	s.WrongFinds += o.WrongFinds
	for i := range s.Protocols {
		s.Protocols[i] += o.Protocols[i]
	}
	s.GivenUp += o.GivenUp
	s.WindowsDropped += o.WindowsDropped
	s.BufferedBytes += o.BufferedBytes
	s.WindowBytes += o.WindowBytes
}

func (t *Tap) pipelines() []*pipeline {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pipes
}
