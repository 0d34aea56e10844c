package main

import "time"

// A clock prints times as -t in its variants asks for.
type clock struct {
	ref stamp // of the packet before, or the first one
}

// A stamp is a time as capture files have it.
type stamp struct {
	sec  int64
	frac int64 // in units of the precision
}

func (s stamp) before(o stamp) bool {
	return s.sec < o.sec || s.sec == o.sec && s.frac < o.frac
}

// timestamp prints the time that stands before a packet.
func (p *printer) timestamp(t time.Time) {
	s := stamp{int64(int32(t.Unix())), int64(t.Nanosecond())} // libpcap reads 32 bits with a sign
	unit := int64(1e9)
	if !p.nano {
		s.frac /= 1000
		unit = 1e6
	}
	switch p.t {
	case 1:
		return
	case 2:
		if s.sec&0x80000000 != 0 {
			p.s("[Error converting time]")
		} else {
			p.f("%d", uint32(s.sec))
			p.fraction(s.frac)
		}
	case 3, 5:
		if p.clock.ref == (stamp{}) {
			p.clock.ref = s
		}
		a, b, sign := s, p.clock.ref, " "
		if a.before(b) {
			a, b, sign = b, a, "-"
		}
		d := stamp{a.sec - b.sec, a.frac - b.frac}
		if d.frac < 0 {
			d = stamp{d.sec - 1, d.frac + unit}
		}
		p.s(sign)
		p.date(d, time.TimeOnly, time.UTC)
		if p.t == 3 {
			p.clock.ref = s
		}
	case 4:
		p.date(s, time.DateTime, time.Local)
	default:
		p.date(s, time.TimeOnly, time.Local)
	}
	p.s(" ")
}

func (p *printer) date(s stamp, layout string, zone *time.Location) {
	if s.sec&0x80000000 != 0 { // what 32 signed bits cannot say
		p.s("[Error converting time]")
		return
	}
	p.out = time.Unix(s.sec, 0).In(zone).AppendFormat(p.out, layout)
	p.fraction(s.frac)
}

func (p *printer) fraction(n int64) {
	if p.nano {
		p.f(".%09d", n)
	} else {
		p.f(".%06d", n)
	}
}
