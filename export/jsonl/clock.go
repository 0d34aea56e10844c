package jsonl

import (
	"strconv"
	"time"
)

// A clock writes times as strings: RFC 3339 with nanoseconds, in UTC. Successive
// times share their second more often than not, so it keeps the text of the last
// one.
type clock struct {
	second int64
	text   []byte
}

// RFC 3339 ends with the year 9999. These are Unix seconds.
const (
	year0     = -62167219200
	year10000 = 253402300800
)

func (c *clock) append(b []byte, t time.Time) []byte {
	switch s := t.Unix(); {
	case s < year0:
		t = time.Unix(year0, 0)
	case s >= year10000:
		t = time.Unix(year10000-1, 999999999)
	}
	if s := t.Unix(); s != c.second || c.text == nil {
		c.second = s
		c.text = t.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05")
	}
	b = append(append(b, '"'), c.text...)
	if ns := t.Nanosecond(); ns != 0 {
		point := len(b)
		b = strconv.AppendInt(b, int64(1e9+ns), 10)
		b[point] = '.' // in place of the 1 that kept the zeros
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return append(b, 'Z', '"')
}
