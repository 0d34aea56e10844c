package batch

import (
	"bytes"
	"strconv"
	"time"
)

// seal gives lines their ends.
func (b *Builder) seal(port uint16, k Kind, p *pending) *Batch {
	per := len(b.tail) + len(b.cfg.Tap) + len(b.cfg.Boot) + 64
	out := &Batch{Tap: b.cfg.Tap, Boot: b.cfg.Boot, Port: port, Kind: k, First: b.seq + 1, N: uint64(len(p.marks)),
		Lines: make([]byte, 0, len(p.lines)+per*len(p.marks))}
	at := 0
	for _, m := range p.marks {
		b.seq++
		out.Lines = b.end(append(out.Lines, p.lines[at:m.end]...), m.conn)
		at = m.end
	}
	return out
}

// end appends the end of a line. Events of taps have no connection.
func (b *Builder) end(line []byte, conn uint64) []byte {
	line = strconv.AppendUint(append(line, b.tail...), b.seq, 10)
	if conn > 0 {
		line = append(append(line, connectionField...), b.cfg.Tap...)
		line = append(append(line, '.'), b.cfg.Boot...)
		line = append(strconv.AppendUint(append(line, '.'), conn, 10), '"')
	}
	return append(line, '}', '\n')
}

const connectionField = `,"connection":"`

// Connection returns the fleet-wide name of a line's connection, "" where it has none.
func Connection(line []byte) []byte {
	i := bytes.LastIndex(line, []byte(connectionField))
	if i < 0 {
		return nil
	}
	name := line[i+len(connectionField):]
	if j := bytes.IndexByte(name, '"'); j >= 0 {
		return name[:j]
	}
	return nil
}

// put puts a batch, or counts it as lost: what comes behind a loss that could not be
// told yet is part of it.
func (b *Builder) put(out *Batch, since time.Time) {
	if b.lost.events == 0 && b.pass(out) {
		return
	}
	if b.lost.events == 0 {
		b.lost.since, b.lost.first = since, out.First
	}
	b.lost.until, b.lost.last = time.Now(), out.Last()
	b.lost.events += out.N
	b.counts.Lost += out.N
	if out.Kind == Message {
		b.lost.messages += out.N
		b.counts.LostMessages += out.N
	}
}

// pass puts a batch and says whether it was taken.
func (b *Builder) pass(out *Batch) bool {
	sent := b.sent[out.Port]
	if sent == nil {
		sent = new([Kinds]uint64)
		b.sent[out.Port] = sent
	}
	out.Before = *sent
	if !b.cfg.Put(out) {
		return false
	}
	sent[out.Kind] += out.N
	b.counts.Batches++
	b.counts.Bytes += uint64(len(out.Lines))
	if out.Kind < Tap {
		b.counts.Put += out.N
	}
	return true
}
