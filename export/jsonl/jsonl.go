// Package jsonl writes the events of a tap as JSON, one object a line, and reads
// them back: the same lines as wsdump --json.
//
//	tap := websocket.NewTap(src, nil)
//	enc := jsonl.NewEncoder(os.Stdout, nil)
//	if err := enc.EncodeAll(tap.Events(ctx)); err != nil {
//		log.Fatal(err)
//	}
//
// A [Decoder] gives the events of such lines.
//
// # Events
//
// The field "event" says what a line is. New fields and new kinds of events may
// come in later versions: pass over what you do not know. What is here keeps its
// name and its meaning.
//
// Every line has "time", when the event was captured, and "conn", the number of
// the connection, as in [websocket.Conn].
//
// "open" is a handshake that finished, accepted or refused, or a connection found
// mid-stream. It may come again, where lines go on in another file: "client" and "server" (addresses with ports), "method", "url",
// "status", "subprotocol", "extensions", "accept_valid", and the headers
// "request" and "response", objects of arrays of strings. Only where one is spoken:
// "draft", the draft before RFC 6455, as in [websocket.Conn]. Only in TLS: "tls", an
// object of "version" ("1.2", "1.3"), "cipher", "server_name" and "alpn", of which
// those that are not known are empty. Only where a proxy's header says it:
// "proxied", an object of the "client" and the "server" that it speaks for. Only
// when true: "midstream", "headers_dropped". Only where there is one, the
// number of another connection: "copy_of", which is the same one, seen at another place,
// and "same_key", which is another leg of a proxy, as in [websocket.Conn].
//
// "message" is a message or a control frame. Its "time" is that of the last byte
// and "start" that of the first. "client" and "server" are as above, "from" is
// one of these two words. "opcode" is "text", "binary", "close", "ping", "pong",
// "continuation" where the first fragments were not seen, or, for a reserved one, a number such as "0x3". "length" counts the bytes of
// the payload as it is given here, "wire_length" as they were sent, masked and
// compressed, over all "frames". "compressed" says that it was sent so. Then the
// payload, in one form that is exact:
//
//   - "text", where the opcode is text and the payload is UTF-8
//   - "code" and "reason", of a close frame that has them
//   - "base64", of all else; of a close frame whose reason is not UTF-8 the
//     whole payload, behind "code". Where the opcode is text, "text" follows for
//     people to read, with U+FFFD for what is not UTF-8
//
// Only when true: "truncated", "undecoded", "conflict", "midstream",
// "invalid_utf8", "bad_mask", "copy", with the meaning of the field of [websocket.Message], and
// "partial" with "unknown", the number of bytes of the payload that could not be
// known: U+FFFD in "text", 0 in "base64". Only where there are any: "rsv", the
// reserved bits that no known extension explains, as in the frame's first byte (64,
// 32, 16, or their sum), and "violations", an array of the names of other rules that
// it breaks, see [websocket.Violations].
//
// "gap" is a number of "bytes" that were lost "from" the client or the server.
// "client" and "server" are as above. Only where they were captured there is a
// "reason": "keys came too late".
//
// "end" is the last line of a connection, with its "cause" as in [websocket.End],
// "client" and "server", the "duration" since its "open" in seconds, and "counts",
// an object of two for "client" and "server", which say what each sent: "messages",
// of which "text", "binary", "ping", "pong" and "close", payload "bytes",
// "wire_bytes" as they were sent, and "lost_bytes". Only where one was seen: "code"
// and "reason" of the first close frame, and in "closed_by" whose it was. A close
// frame without a code has neither. Only where there are any: "copies", how many of
// the messages were copies, and "tcp_closed_by", an array of the sides that closed TCP,
// "client" and "server" in the order of their FINs, or the one that reset it.
//
// # Values
//
// Times are RFC 3339 in UTC with as many digits of the second as it takes, up to
// nanoseconds. Years before 0 and after 9999, which only a damaged file has, are
// written as the nearest time that can be.
//
// Strings hold no control codes, no bidirectional overrides and no invisible
// marks: these are \u escapes, so that a line may be shown on a terminal. They
// read back as they were sent. In strings other than payloads a byte that is
// not UTF-8 reads back as U+FFFD.
package jsonl

import (
	"fmt"
	"io"
	"iter"

	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// Config says what an [Encoder] writes.
type Config struct {
	// ShowSecrets writes cookies, credentials and tokens of the opening
	// handshake as they are. False: as "***", see [websocket.Conn.Masked].
	// Payloads are as they are in either case.
	ShowSecrets bool

	// OmitPayloads leaves out "text", "base64", "code" and "reason". False:
	// payloads are there, whole.
	OmitPayloads bool
}

// An Encoder writes events to a writer. It is for one goroutine at a time.
type Encoder struct {
	cfg   Config
	lines escape.Lines
	clock clock
	names names
	kinds kinds
	buf   []byte // of the line before
}

// NewEncoder returns an Encoder that writes to w. A nil cfg is the zero Config.
//
// Each line reaches w in one Write as soon as it is complete, save that a very
// long one comes in pieces of some hundred KiB. Who wants fewer Writes gives a
// [bufio.Writer] and decides when to flush it.
func NewEncoder(w io.Writer, cfg *Config) *Encoder {
	e := &Encoder{lines: escape.Lines{W: w}}
	if cfg != nil {
		e.cfg = *cfg
	}
	return e
}

// Encode writes the line of an event, which it does not keep. Once w has
// returned an error Encode writes nothing more and returns that error.
func (e *Encoder) Encode(ev websocket.Event) error {
	b := e.buf[:0]
	switch ev := ev.(type) {
	case *websocket.Open:
		b = e.open(b, ev)
	case *websocket.Message:
		b = e.message(b, ev)
	case *websocket.Gap:
		b = e.gap(b, ev)
	case *websocket.End:
		b = e.end(b, ev)
	default:
		return fmt.Errorf("jsonl: no line is defined for %T", ev)
	}
	b = append(b, '}', '\n')
	e.buf = b
	return e.lines.Write(b)
}

// EncodeAll encodes events, such as those of [websocket.Tap.Events], to their
// end or to the first error, which it returns.
func (e *Encoder) EncodeAll(events iter.Seq2[websocket.Event, error]) error {
	for ev, err := range events {
		if err == nil {
			err = e.Encode(ev)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
