package websocket

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/reassembly"
)

// OnFull says what Messages does with a message that finds the channel full.
type OnFull uint8

const (
	// FullDefault drops for a live source, which cannot wait, and blocks for
	// any other.
	FullDefault OnFull = iota
	// FullBlock waits for the receiver. A live source meanwhile fills its ring
	// and then loses packets, which its Stats tell.
	FullBlock
	// FullDrop drops the message whole and counts it in Stats.
	FullDrop
)

// Config configures a Tap; nil means the defaults.
type Config struct {
	// OnFull says what Messages does while its channel is full.
	OnFull OnFull
	// Buffer is the capacity of the channel of Messages, in messages. 0 means
	// 4096.
	Buffer int
	// BufferBytes bounds the payload bytes waiting in the channel: beyond it the
	// channel counts as full. One message always fits. 0 means 64 MiB.
	BufferBytes int64
	// MaxMessage is how many payload bytes of a message are kept, before and
	// after inflating. Longer messages are cut there and flagged Truncated.
	// 0 means 64 MiB.
	MaxMessage int
	// MaxBuffered bounds the bytes of unfinished messages over all connections;
	// a message that would grow beyond is cut. 0 means 128 MiB.
	MaxBuffered int
	// Reassembly configures the flow tables; nil means the defaults.
	Reassembly *reassembly.Config
}

// A Tap turns a Source into WebSocket events. Either Events or Messages is
// called on it, once.
type Tap struct{}

// NewTap returns a Tap on src, which it takes over: src is closed when the
// iteration or the channel ends. A nil cfg means the defaults.
func NewTap(src capture.Source, cfg *Config) *Tap { return &Tap{} }

// Events yields what happens, in the caller's goroutine. The Event and what it
// points to, except its Conn, is borrowed until the next iteration. At the end
// of the source the iteration ends; an error of the source or ctx is yielded
// last, with a nil Event. Breaking off ends the Tap.
func (t *Tap) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) { yield(nil, errors.New("websocket: not built")) }
}

// Messages returns a channel of the messages of all connections; those of one
// connection come in order. It is closed at the end of the source, when ctx is
// done, or after an error: Err tells.
func (t *Tap) Messages(ctx context.Context) <-chan *Message { return nil }

// Err returns why Events or Messages ended: nil while they run and after the
// end of the source, the context's error after it was done, otherwise the
// source's error.
func (t *Tap) Err() error { return nil }

// Stats are counters since the Tap was made.
type Stats struct {
	Capture capture.Stats

	Messages       uint64 // given out, control frames included
	MessageDropped uint64 // dropped because the channel was full
	Conns          uint64 // WebSocket connections, refused handshakes included
	LostBytes      uint64 // bytes of WebSocket connections lost in gaps
}

// Stats may be called from any goroutine at any time, also after the end.
func (t *Tap) Stats() Stats { return Stats{} }

func parseHeader(raw string) http.Header { return nil }
