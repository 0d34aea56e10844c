// Package batch is the unit in which events travel: lines of one tap, one port and
// one kind, about a hundred together.
//
// The lines are those of export/jsonl, each with four fields more at its end: "tap",
// the name of the tap; "boot", which names one run of it; "seq", which counts the events
// of a boot from 1 in the order in which they were sent; and "connection", which is unique
// in the fleet, where "conn" is unique in a boot.
//
// Two more kinds of events tell of taps themselves: "tap" and "loss", see [Builder].
package batch

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/klauspost/compress/s2"
)

// Schema is the version of everything here. New fields and kinds of events may come
// without a new version; what is here keeps its name and its meaning.
const Schema = 1

// A Kind says what the events of a batch are.
type Kind uint8

// The kinds, in the order in which batches that were cut together are sent. Those of a
// tap itself have port 0.
const (
	Open Kind = iota
	Message
	Gap
	End
	Tap
	Loss

	Kinds = iota // how many there are
)

var kindNames = [Kinds]string{"open", "message", "gap", "end", "tap", "loss"}

func (k Kind) String() string { return kindNames[k] }

// ParseKind returns the Kind of a name.
func ParseKind(name string) (Kind, error) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("no kind of event is called %q", name)
}

// A Batch holds events of one subject, in order.
type Batch struct {
	Tap, Boot string
	Port      uint16 // the server's; 0 where the events tell of the tap
	Kind      Kind
	First     uint64 // seq of the first event; the others follow without a hole
	N         uint64 // how many events there are
	// Before is how many events of each kind this boot had sent for this port, before
	// this batch: what a reader must have seen, or is missing.
	Before [Kinds]uint64
	Lines  []byte
}

// Last returns the seq of the last event.
func (b *Batch) Last() uint64 { return b.First + b.N - 1 }

// ID is the same whenever a batch is sent again.
func (b *Batch) ID() string {
	return b.Tap + "." + b.Boot + "." + strconv.FormatUint(b.First, 10)
}

// root is the first word of all subjects.
const root = "wstap"

// Subjects is what all subjects match.
const Subjects = root + ".>"

// Subject is where a batch is sent to: wstap.<tap>.<port>.<kind>.
func (b *Batch) Subject() string {
	return root + "." + b.Tap + "." + strconv.Itoa(int(b.Port)) + "." + b.Kind.String()
}

// SubjectOf is the subject of some events, or a pattern for those of all taps, ports or
// kinds where that is empty.
func SubjectOf(tap, port, kind string) string {
	any := func(s string) string {
		if s == "" {
			return "*"
		}
		return s
	}
	return root + "." + any(tap) + "." + any(port) + "." + any(kind)
}

// setSubject sets the Tap, the Port and the Kind.
func (b *Batch) setSubject(s string) error {
	words := strings.Split(s, ".")
	if len(words) != 4 || words[0] != root {
		return fmt.Errorf("%q is no subject of ours", s)
	}
	if err := CheckName(words[1]); err != nil {
		return err
	}
	port, err := strconv.ParseUint(words[2], 10, 16)
	if err != nil {
		return fmt.Errorf("%q has no port", s)
	}
	b.Tap, b.Port = words[1], uint16(port)
	b.Kind, err = ParseKind(words[3])
	return err
}

// CheckName says whether a tap or a boot may be called so: a name is one word of
// subjects and of message ids.
func CheckName(name string) error {
	ok := name != "" && len(name) <= 64
	for _, c := range []byte(name) {
		ok = ok && (c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
	}
	if !ok {
		return fmt.Errorf("%q is no name: up to 64 letters, digits, - and _", name)
	}
	return nil
}

// Head is what there is to know of a batch besides its subject and its lines, as one
// line: the schema, boot, first seq, number of events and Before.
func (b *Batch) Head() string { return string(b.appendHead(nil)) }

func (b *Batch) appendHead(h []byte) []byte {
	h = strconv.AppendInt(h, Schema, 10)
	h = append(append(h, ' '), b.Boot...)
	h = strconv.AppendUint(append(h, ' '), b.First, 10)
	h = strconv.AppendUint(append(h, ' '), b.N, 10)
	for _, n := range b.Before {
		h = strconv.AppendUint(append(h, ' '), n, 10)
	}
	return h
}

// ErrSchema is the error of a batch of another version.
var ErrSchema = errors.New("a schema of another version")

// Parse returns the batch of a subject, a head and lines, which it keeps.
func Parse(subject, head string, lines []byte) (*Batch, error) {
	b := &Batch{Lines: lines}
	if err := b.setSubject(subject); err != nil {
		return nil, err
	}
	words := strings.Fields(head)
	if len(words) == 0 || words[0] != strconv.Itoa(Schema) {
		return nil, fmt.Errorf("%w: %q", ErrSchema, head)
	}
	if len(words) != 4+Kinds {
		return nil, fmt.Errorf("%q is no head of a batch", head)
	}
	b.Boot = words[1]
	if err := CheckName(b.Boot); err != nil {
		return nil, err
	}
	for i, to := range []*uint64{&b.First, &b.N, &b.Before[0], &b.Before[1], &b.Before[2], &b.Before[3], &b.Before[4], &b.Before[5]} {
		n, err := strconv.ParseUint(words[2+i], 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%q is no head of a batch: %w", head, err)
		}
		*to = n
	}
	if n := uint64(bytes.Count(lines, []byte{'\n'})); b.First == 0 || n == 0 || n != b.N || lines[len(lines)-1] != '\n' {
		return nil, fmt.Errorf("a batch of %d events has %d lines", b.N, n)
	}
	return b, nil
}

// Snappy names the encoding of Pack, as engines are told it.
const Snappy = "snappy"

// Pack returns the lines in Snappy's block format, which makes a sixth of them. It takes
// the room of dst where that is enough.
func (b *Batch) Pack(dst []byte) []byte { return s2.EncodeSnappy(dst[:cap(dst)], b.Lines) }

// maxLines bounds the lines of a batch, in bytes: many times what a Builder makes.
const maxLines = 16 << 20

// Unpack returns the lines that Pack has packed.
func Unpack(packed []byte) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err == nil && n > maxLines {
		err = fmt.Errorf("a batch of %d bytes", n)
	}
	if err != nil {
		return nil, err
	}
	return s2.Decode(nil, packed)
}

// Append appends the batch as one record, for a file: its subject and its head, as a line,
// and its lines, packed.
func (b *Batch) Append(to []byte) []byte {
	to = append(append(to, b.Subject()...), ' ')
	to = append(b.appendHead(to), '\n')
	return append(to, b.Pack(nil)...)
}

// ParseRecord reads what Append wrote.
func ParseRecord(rec []byte) (*Batch, error) {
	head, packed, found := bytes.Cut(rec, []byte{'\n'})
	subject, rest, spaced := strings.Cut(string(head), " ")
	if !found || !spaced {
		return nil, errors.New("no record of a batch")
	}
	lines, err := Unpack(packed)
	if err != nil {
		return nil, err
	}
	return Parse(subject, rest, lines)
}
