package main

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"os"
	"slices"
)

// openLines knows where in a file of JSON lines the "open" stands of each
// connection that has not ended. The lines themselves stay in the file.
type openLines struct {
	file *os.File // to read from; nil where what is written cannot be read again
	at   map[string]span
	end  int64  // of the file
	from int64  // where the current line begins
	head []byte // of the current line
}

// A span is a piece of the file.
type span struct{ from, to int64 }

// lineHead is how much of a line tells what it is and of which connection.
const lineHead = 128

// begin is called with a file that was opened for appending.
func (o *openLines) begin(f *os.File) {
	*o = openLines{head: o.head[:0]}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	r, err := os.Open(f.Name())
	if err != nil {
		return
	}
	if !same(f, r) {
		r.Close()
		return
	}
	o.file, o.at = r, map[string]span{}
	o.end, o.from = info.Size(), info.Size()
}

// saw is called with what was appended.
func (o *openLines) saw(b []byte) {
	if o.file == nil {
		return
	}
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n') + 1
		line := b[:n]
		if n == 0 {
			line = b
		}
		o.head = append(o.head, line[:min(len(line), lineHead-len(o.head))]...)
		o.end += int64(len(line))
		b = b[len(line):]
		if n > 0 {
			o.line()
		}
	}
}

// line notes what the line means that is complete.
func (o *openLines) line() {
	event, rest, _ := bytes.Cut(o.head, []byte(`,"time":`))
	_, rest, _ = bytes.Cut(rest, []byte(`,"conn":`))
	if n := bytes.IndexByte(rest, ','); n > 0 {
		switch string(event) {
		case `{"event":"open"`:
			o.at[string(rest[:n])] = span{o.from, o.end}
		case `{"event":"end"`:
			delete(o.at, string(rest[:n]))
		}
	}
	o.head, o.from = o.head[:0], o.end
}

// carry copies the lines to a new file, and goes on with that. If it is the same
// one, they are there.
func (o *openLines) carry(to *os.File) error {
	if o.file != nil && same(o.file, to) {
		return nil
	}
	old := *o
	o.begin(to)
	if old.file == nil {
		return nil
	}
	defer old.file.Close()
	lines := slices.SortedFunc(maps.Values(old.at), func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for _, l := range lines {
		line := make([]byte, l.to-l.from)
		if _, err := old.file.ReadAt(line, l.from); err == io.EOF || !bytes.HasPrefix(line, []byte(`{"event":"open"`)) {
			continue // somebody else cut or wrote to the old file
		} else if err != nil {
			return err
		}
		n, err := to.Write(line)
		o.saw(line[:n])
		if err != nil {
			return err
		}
	}
	return nil
}

// same says that a file was opened twice.
func same(a, b *os.File) bool {
	x, err1 := a.Stat()
	y, err2 := b.Stat()
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}
