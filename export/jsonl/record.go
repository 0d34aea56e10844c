package jsonl

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/wstap/wstap/websocket"
)

// A record is what the lines of all events may hold, by the names of the contract.
type record struct {
	Event          string
	Time, Start    time.Time
	Conn           uint64
	Client, Server netip.AddrPort

	Method, URL, Subprotocol, Extensions string
	Status                               int
	AcceptValid                          bool `json:"accept_valid"`
	Request, Response                    http.Header
	HeadersDropped                       bool `json:"headers_dropped"`
	Draft                                string
	CopyOf                               uint64 `json:"copy_of"`
	SameKey                              uint64 `json:"same_key"`
	TLS                                  *tlsRecord
	Proxied                              *struct{ Client, Server netip.AddrPort }

	From, Opcode string
	Length       int64
	WireLength   int64 `json:"wire_length"`
	Frames       int
	Compressed   bool
	Text         *string
	Base64       []byte
	Code         *uint16
	Reason       string

	Truncated, Undecoded, Conflict, Midstream bool
	InvalidUTF8                               bool `json:"invalid_utf8"`
	BadMask                                   bool `json:"bad_mask"`
	Copy                                      bool
	Unknown                                   int
	RSV                                       byte
	Violations                                []string

	Bytes    int64
	Cause    string
	Duration float64
	Copies   uint64 // of both sides
	Counts   struct{ Client, Server countsRecord }
	ClosedBy string   `json:"closed_by"`
	By       []string `json:"tcp_closed_by"`
}

// A tlsRecord is the object "tls".
type tlsRecord struct {
	Version, Cipher string
	ServerName      string `json:"server_name"`
	ALPN            string
}

// A countsRecord is one side's in the object "counts".
type countsRecord struct {
	Messages, Text, Binary, Ping, Pong, Close, Bytes uint64
	WireBytes                                        uint64 `json:"wire_bytes"`
	LostBytes                                        uint64 `json:"lost_bytes"`
}

func (c *countsRecord) counts() websocket.Counts {
	return websocket.Counts{
		Text: c.Text, Binary: c.Binary, Ping: c.Ping, Pong: c.Pong, Close: c.Close,
		Other: c.Messages - min(c.Messages, c.Text+c.Binary+c.Ping+c.Pong+c.Close),
		Bytes: c.Bytes, WireBytes: c.WireBytes, LostBytes: c.LostBytes,
	}
}

// event returns the event of a line, nil where its kind is not known.
func (d *Decoder) event(b []byte) (websocket.Event, error) {
	var l record
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, err
	}
	switch l.Event {
	case "open":
		if c := d.conns[l.Conn]; c != nil && !c.Midstream && c.Client == l.Client && c.Server == l.Server && c.URL == l.URL {
			return nil, nil // again, as at the beginning of a file that goes on from another
		}
		return &websocket.Open{Time: l.Time, Conn: d.opened(&l)}, nil
	case "message":
		return d.message(&l)
	case "gap":
		from, err := direction(l.From)
		return &websocket.Gap{Time: l.Time, Conn: d.conn(&l), From: from, Bytes: l.Bytes, Reason: l.Reason}, err
	case "end":
		return d.end(&l)
	case "":
		return nil, errors.New(`no "event" in it`)
	}
	return nil, nil
}

// opened returns the connection that an open tells.
func (d *Decoder) opened(l *record) *websocket.Conn {
	c := &websocket.Conn{
		Number: l.Conn, Opened: l.Time, Client: l.Client, Server: l.Server, Midstream: l.Midstream,
		Method: l.Method, URL: l.URL, Subprotocol: l.Subprotocol, Extensions: l.Extensions,
		Status: l.Status, AcceptValid: l.AcceptValid, HeadersDropped: l.HeadersDropped, Draft: l.Draft, CopyOf: l.CopyOf, SameKey: l.SameKey,
	}
	if t := l.TLS; t != nil {
		c.TLS = &websocket.TLS{Version: t.Version, Cipher: t.Cipher, ServerName: t.ServerName, ALPN: t.ALPN}
	}
	if x := l.Proxied; x != nil {
		c.Proxied = &websocket.Proxied{Client: x.Client, Server: x.Server}
	}
	return d.remember(c.WithHeaders(l.Request, l.Response))
}

func (d *Decoder) end(l *record) (websocket.Event, error) {
	end := &websocket.End{
		Time: l.Time, Conn: d.conn(l), Cause: websocket.Cause(l.Cause), Duration: time.Duration(math.Round(l.Duration * 1e9)),
		Counts: [2]websocket.Counts{websocket.FromClient: l.Counts.Client.counts(), websocket.FromServer: l.Counts.Server.counts()},
	}
	end.Counts[websocket.FromClient].Copies = l.Copies
	delete(d.conns, l.Conn)
	for _, word := range l.By {
		side, err := direction(word)
		if err != nil {
			return nil, err
		}
		end.By = append(end.By, side)
	}
	if l.ClosedBy == "" {
		return end, nil
	}
	from, err := direction(l.ClosedBy)
	closing := websocket.Closing{From: from, Code: websocket.StatusNone, Reason: l.Reason}
	if l.Code != nil {
		closing.Code = int(*l.Code)
	}
	end.Closing = []websocket.Closing{closing}
	return end, err
}

// conn returns the connection of a line. Where its open is not there, the line
// tells what is known.
func (d *Decoder) conn(l *record) *websocket.Conn {
	if c := d.conns[l.Conn]; c != nil {
		return c
	}
	return d.remember(&websocket.Conn{Number: l.Conn, Client: l.Client, Server: l.Server, Midstream: true})
}

func (d *Decoder) remember(c *websocket.Conn) *websocket.Conn {
	if len(d.conns) >= maxConns {
		clear(d.conns) // ends are missing: what goes on is known by its lines
	}
	d.conns[c.Number] = c
	return c
}

func (d *Decoder) message(l *record) (websocket.Event, error) {
	from, err := direction(l.From)
	if err != nil {
		return nil, err
	}
	op, err := opcode(l.Opcode)
	if err != nil {
		return nil, err
	}
	var broken websocket.Violations
	for _, name := range l.Violations {
		broken |= websocket.ViolationOf(name)
	}
	return &websocket.Message{
		Conn: d.conn(l), From: from, Opcode: op, Payload: l.payload(), Start: l.Start, Time: l.Time,
		WireLength: l.WireLength, Frames: l.Frames, Compressed: l.Compressed,
		Truncated: l.Truncated, Undecoded: l.Undecoded, Conflict: l.Conflict, Midstream: l.Midstream, InvalidUTF8: l.InvalidUTF8,
		BadMask: l.BadMask, Copy: l.Copy, Unknown: l.Unknown, RSV: l.RSV, Violations: broken,
	}, nil
}

// payload returns the payload from the form that is exact for it.
func (l *record) payload() []byte {
	switch {
	case l.Base64 != nil:
		return l.Base64
	case l.Text != nil:
		return []byte(*l.Text)
	case l.Code != nil:
		return append(binary.BigEndian.AppendUint16(nil, *l.Code), l.Reason...)
	}
	return []byte{}
}

func direction(word string) (websocket.Direction, error) {
	for _, d := range []websocket.Direction{websocket.FromClient, websocket.FromServer} {
		if word == d.String() {
			return d, nil
		}
	}
	return 0, fmt.Errorf(`%q is neither "client" nor "server"`, word)
}

// opcodes are the opcodes that have words.
var opcodes = []websocket.Opcode{websocket.Text, websocket.Binary, websocket.Close, websocket.Ping, websocket.Pong}

func opcode(word string) (websocket.Opcode, error) {
	if i := slices.IndexFunc(opcodes, func(o websocket.Opcode) bool { return o.String() == word }); i >= 0 {
		return opcodes[i], nil
	}
	n, err := strconv.ParseUint(word, 0, 4)
	if err != nil && word != websocket.Opcode(0).String() {
		return 0, fmt.Errorf(`"opcode" is %q`, word)
	}
	return websocket.Opcode(n), nil
}
