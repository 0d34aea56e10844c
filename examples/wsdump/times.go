package main

import (
	"math"
	"strconv"
	"time"
)

// A stamper writes the time of a line in the form that -t asks for, as tcpdump
// does.
type stamper struct {
	form int // the number of -t
	nano bool
	zone *time.Location

	first time.Time // of the first line, for -ttttt
	last  time.Time // of the line before, for -ttt

	second int64  // the Unix second that text is
	text   []byte // of the line before: they often share their second
}

// append appends the time and a space, or nothing with one -t.
func (s *stamper) append(b []byte, t time.Time) []byte {
	switch s.form {
	case 0:
		b = s.clock(b, t, time.TimeOnly)
	case 1:
		return b
	case 2:
		b = s.unix(b, t)
	case 4:
		b = s.clock(b, t, time.DateTime)
	default:
		b = s.elapsed(b, s.since(t))
	}
	return append(b, ' ')
}

func (s *stamper) clock(b []byte, t time.Time, layout string) []byte {
	if sec := t.Unix(); sec != s.second || s.text == nil {
		s.second = sec
		s.text = t.In(s.zone).AppendFormat(s.text[:0], layout)
	}
	return s.fraction(append(b, s.text...), t.Nanosecond())
}

// unix appends seconds since 1970. Before that they grow with the distance, as
// the digits are read.
func (s *stamper) unix(b []byte, t time.Time) []byte {
	sec, ns := t.Unix(), t.Nanosecond()
	if sec < 0 {
		b = append(b, '-')
		if sec = -sec; ns > 0 {
			sec, ns = sec-1, int(time.Second)-ns
		}
	}
	return s.fraction(strconv.AppendUint(b, uint64(sec), 10), ns)
}

// since returns how long before t the first line was, or the one before.
func (s *stamper) since(t time.Time) time.Duration {
	if s.first.IsZero() {
		s.first, s.last = t, t
	}
	from := s.last
	if s.form == 5 {
		from = s.first
	}
	s.last = t
	return t.Sub(from)
}

// elapsed appends hours, minutes and seconds. Beyond 292 years it stays there.
func (s *stamper) elapsed(b []byte, d time.Duration) []byte {
	if d < 0 {
		b = append(b, '-')
		d = -max(d, -math.MaxInt64)
	}
	if d < 10*time.Hour {
		b = append(b, '0')
	}
	b = strconv.AppendInt(b, int64(d/time.Hour), 10)
	b = appendPadded(b, ':', int(d%time.Hour/time.Minute), 100)
	b = appendPadded(b, ':', int(d%time.Minute/time.Second), 100)
	return s.fraction(b, int(d%time.Second))
}

func (s *stamper) fraction(b []byte, ns int) []byte {
	if s.nano {
		return appendPadded(b, '.', ns, 1e9)
	}
	return appendPadded(b, '.', ns/1000, 1e6)
}

// appendPadded appends sep and n, which is less than limit, a power of ten, with
// leading zeros.
func appendPadded(b []byte, sep byte, n, limit int) []byte {
	at := len(b)
	b = strconv.AppendInt(b, int64(limit+n), 10)
	b[at] = sep // in place of the 1 that kept the zeros
	return b
}
