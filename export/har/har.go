// Package har writes the connections of a tap as an HTTP Archive (HAR 1.2), with
// their messages where Chrome's DevTools keep them, so that they open in the
// network panels of browsers.
//
//	tap := websocket.NewTap(src, nil)
//	enc := har.NewEncoder(file, nil)
//	err := enc.EncodeAll(tap.Events(ctx))
//	if err := errors.Join(err, enc.Close()); err != nil {
//		log.Fatal(err)
//	}
//
// # Entries
//
// Each opening handshake, accepted or refused, and each connection found
// mid-stream is an entry, in the order in which they end. startedDateTime is when
// the handshake was finished, time is from there to the end or the last message, in
// milliseconds. _resourceType is "websocket", and _connectionId the number of the
// connection as in [websocket.Conn]. Headers are sorted by name.
//
// _webSocketMessages holds the messages as Chrome writes them: type ("send" is from
// the client, "receive" from the server), time (seconds since 1970), opcode and data,
// which is text where the opcode is 1 and base64 otherwise. Control frames are among
// them.
//
// # What HAR has no field for
//
// These fields are there only where they have something to say. In an entry:
//
//   - _client and _server: their addresses and ports
//   - _midstream: the capture began after the handshake; method, URL and status are
//     then made up of what is known
//   - _headersDropped, as in [websocket.Conn]
//   - _copyOf and _sameKey: the numbers of other connections, as in [websocket.Conn]
//   - _tls, with version, cipher, serverName and alpn; _draft and _proxied, where there are any
//   - _subprotocol and _extensions, as agreed
//   - _cause: how the connection ended, as in [websocket.End]
//   - _lostBytes: bytes lost to the capture, by "send" and "receive"
//
// In a message:
//
//   - _start: when its first byte was captured, where that is not time
//   - _wireLength and _compressed: its bytes as sent, compressed
//   - _frames: how many, if not one
//   - _encoding: "base64", where data is although the opcode is 1
//   - _code and _reason of a close frame
//   - _lostBefore: bytes lost between the message before of that side and this one
//   - _truncated, _undecoded, _conflict, _midstream, _invalidUTF8, _badMask, _rsv, _unknown,
//     _copy and _violations (names with spaces between), as in [websocket.Message]
package har

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// Config configures an [Encoder]; nil means the defaults.
type Config struct {
	// ShowSecrets writes cookies, credentials and tokens of the opening handshake
	// as they are. False: as "***", see [websocket.Conn.Masked]. Payloads are as
	// they are in either case.
	ShowSecrets bool
	// Creator and Version name the program in the archive. "" means wstap and no
	// version.
	Creator, Version string
	// Dir is where a file is made for the messages of connections that go on, when
	// they outgrow Memory. It has no name where that is possible. "" means
	// [os.TempDir].
	Dir string
	// Memory bounds the messages that are kept in memory, in bytes. 0 means 16 MiB.
	Memory int
}

// An Encoder writes events as an archive. It is for one goroutine at a time.
type Encoder struct {
	cfg     Config
	out     archive
	spool   spool
	entries map[uint64]*entry // of connections that go on, by number
	lines   escape.Lines
	buf     []byte
	err     error // the first; nothing is taken after it
	closed  bool
}

// NewEncoder returns an Encoder that writes to w. Where w is a file of its own that
// can be truncated, as an [os.File] that was just created, it is a whole archive after
// each entry, whatever becomes of the program, and stays one when the disk is full.
// Otherwise [Encoder.Close] makes it whole.
func NewEncoder(w io.Writer, cfg *Config) *Encoder {
	e := &Encoder{entries: make(map[uint64]*entry)}
	if cfg != nil {
		e.cfg = *cfg
	}
	if e.cfg.Creator == "" {
		e.cfg.Creator = "wstap"
	}
	if e.cfg.Memory <= 0 {
		e.cfg.Memory = 16 << 20
	}
	e.spool = spool{dir: e.cfg.Dir, max: e.cfg.Memory}
	head := []byte(`{"log":{"version":"1.2","creator":{"name":`)
	head = escape.AppendJSON(head, e.cfg.Creator)
	head = escape.AppendJSON(append(head, `,"version":`...), e.cfg.Version)
	head = append(head, `},"pages":[],"entries":[`...)
	e.out.begin(w, head)
	return e
}

// Encode takes an event, which it does not keep. After an error it takes nothing
// more and returns that error; Close still writes what was taken before.
func (e *Encoder) Encode(ev websocket.Event) error {
	if e.err != nil {
		return e.err
	}
	switch ev := ev.(type) {
	case *websocket.Open:
		e.entry(ev.Conn, ev.Time)
	case *websocket.Message:
		e.err = e.message(e.entry(ev.Conn, ev.Start), ev)
	case *websocket.Gap:
		e.entry(ev.Conn, ev.Time).gap(ev)
	case *websocket.End:
		en := e.entry(ev.Conn, ev.Time)
		en.last = ev.Time
		e.err = e.finish(en, ev.Cause)
	default:
		return fmt.Errorf("har: %T is no event", ev)
	}
	return e.err
}

// EncodeAll encodes events, such as those of [websocket.Tap.Events], to their end or
// to the first error, which it returns. It does not close the Encoder.
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

// Close writes the entries of connections that have not ended and the end of the
// archive. It does not close the writer. It returns the first error there was.
func (e *Encoder) Close() error {
	if e.closed {
		return e.err
	}
	e.closed = true
	for _, n := range slices.Sorted(maps.Keys(e.entries)) {
		if err := e.finish(e.entries[n], ""); e.err == nil {
			e.err = err
		}
	}
	for _, err := range []error{e.out.end(), e.spool.close()} {
		if e.err == nil {
			e.err = err
		}
	}
	return e.err
}
