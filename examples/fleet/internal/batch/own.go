package batch

import (
	"strconv"
	"time"

	"github.com/wstap/wstap/internal/escape"
)

type loss struct {
	since, until     time.Time
	events, messages uint64
	first, last      uint64
}

// tellLoss puts what is to be told, if it is taken.
func (b *Builder) tellLoss() {
	l := b.lost
	line := append([]byte(nil), `{"event":"loss","time":"`...)
	line = append(l.until.UTC().AppendFormat(line, time.RFC3339Nano), `","since":"`...)
	line = append(l.since.UTC().AppendFormat(line, time.RFC3339Nano), `","events":`...)
	line = strconv.AppendUint(line, l.events, 10)
	line = strconv.AppendUint(append(line, `,"messages":`...), l.messages, 10)
	line = strconv.AppendUint(append(line, `,"first_seq":`...), l.first, 10)
	line = strconv.AppendUint(append(line, `,"last_seq":`...), l.last, 10)
	line = append(line, `,"reason":"neither the queue nor the spool had room"`...)
	if b.own(Loss, line) {
		b.lost = loss{}
	}
}

// own puts one event that tells of the tap, and says whether it was taken.
func (b *Builder) own(k Kind, line []byte) bool {
	if b.pass(b.seal(0, k, &pending{lines: line, marks: []mark{{len(line), 0}}})) {
		return true
	}
	b.seq-- // it never was
	return false
}

// Tell puts an event of the kind Tap, {"event":"tap","time":…,"state":…} and further
// fields, unless Put refuses it.
func (b *Builder) Tell(state string, fields ...Field) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := append([]byte(nil), `{"event":"tap","time":"`...)
	line = append(time.Now().UTC().AppendFormat(line, time.RFC3339Nano), `","state":`...)
	line = escape.AppendJSON(line, state)
	for _, f := range fields {
		line = escape.AppendJSON(append(line, ','), f.Name)
		line = append(line, ':')
		if f.Text != "" {
			line = escape.AppendJSON(line, f.Text)
		} else {
			line = strconv.AppendUint(line, f.N, 10)
		}
	}
	if b.lost.events > 0 {
		b.tellLoss()
	}
	if b.lost.events == 0 {
		b.own(Tap, line)
	}
}

// A Field is a text, or a number where that is empty.
type Field struct {
	Name, Text string
	N          uint64
}
