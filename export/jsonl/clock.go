package jsonl

import "time"

// A clock writes times as strings: RFC 3339 with nanoseconds, in UTC. It keeps
// the text of the last time, because the next often is the same or has the same
// second.
type clock struct {
	second int64
	nano   int
	text   []byte // with quotes; nil before the first time
}

const (
	// RFC 3339 ends with the year 9999. These are Unix seconds.
	year0     = -62167219200
	year10000 = 253402300800

	layout = `"2006-01-02T15:04:05` // of the part that a second shares
)

func (c *clock) append(b []byte, t time.Time) []byte {
	second, nano := t.Unix(), t.Nanosecond()
	switch {
	case second < year0:
		second, nano = year0, 0
	case second >= year10000:
		second, nano = year10000-1, 999999999
	}
	if c.text == nil || second != c.second {
		c.text = time.Unix(second, 0).UTC().AppendFormat(c.text[:0], layout)
		c.second, c.nano = second, -1
	}
	if nano != c.nano {
		c.text = appendFraction(c.text[:len(layout)], nano)
		c.nano = nano
	}
	return append(b, c.text...)
}

// appendFraction appends what comes behind the second.
func appendFraction(b []byte, nano int) []byte {
	if nano == 0 {
		return append(b, 'Z', '"')
	}
	b = append(b, ".000000000"...)
	for i := len(b) - 1; nano > 0; i-- {
		b[i] += byte(nano % 10)
		nano /= 10
	}
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return append(b, 'Z', '"')
}
