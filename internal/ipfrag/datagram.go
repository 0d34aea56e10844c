package ipfrag

import (
	"encoding/binary"
	"iter"
	"slices"
	"sort"

	"github.com/wstap/wstap/decode"
)

// A Datagram is what was received of one, by the rules of Linux (ip_frag_queue,
// ip6_frag_queue, inet_frag_queue_insert), which are those of RFC 5722: overlapping
// fragments end it. The zero Datagram is empty.
type Datagram struct {
	runs   []run // sorted, without overlaps
	length int   // of the data, as far as known
	have   int   // bytes of it in runs
	last   bool  // the last fragment is there
	proto  uint8 // of the first fragment's data
}

// A run is a stretch of data that came in order. Linux ignores what lies in one
// run, and takes anything else that overlaps for an attack.
type run struct {
	from, to int
	pieces   []piece
}

// A piece is the data of one fragment; cut bytes at its end were not captured.
type piece struct {
	data []byte
	cut  int
}

// An Extent is where a fragment's data lies in its datagram, in bytes.
type Extent struct {
	From, To int
	More     bool // it is not the last
}

// ExtentOf returns the Extent of the fragment p, and false if no datagram can have it.
func ExtentOf(p *decode.Packet) (e Extent, ok bool) {
	e = Extent{p.FragmentOffset, p.FragmentOffset + p.PayloadLen, p.MoreFragments}
	if e.To > 65535 || p.IPVersion == 6 && e.From == 0 && p.PayloadLen < headerLen(p.Proto) {
		return e, false
	}
	if e.More && e.To&7 != 0 {
		if p.IPVersion == 6 {
			return e, false
		}
		e.To &^= 7
	}
	return e, true
}

// headerLen is what the first fragment of an IPv6 datagram must hold of the
// upper-layer header (RFC 7112).
func headerLen(proto uint8) int {
	switch proto {
	case decode.ProtoTCP:
		return 20
	case decode.ProtoUDP:
		return 8
	}
	return 1
}

// A Verdict says what became of a fragment.
type Verdict uint8

// The verdicts of Add.
const (
	Kept      Verdict = iota
	Complete          // kept: the datagram is whole
	Duplicate         // not kept: it was there
	Refused           // not kept, and the datagram is to be forgotten
)

// Add takes a fragment: data is what was captured of it, which the Datagram keeps
// if the verdict says so, and proto what the data begins with.
func (d *Datagram) Add(e Extent, proto uint8, data []byte) Verdict {
	n := e.To - e.From
	if n <= 0 || d.last && (e.To > d.length || !e.More && e.To != d.length) || !e.More && e.To < d.length {
		return Refused
	}
	if !e.More {
		d.last = true
	}
	d.length = max(d.length, e.To)
	i, fit := d.fit(e.From, e.To)
	switch fit {
	case duplicate:
		return Duplicate
	case overlap:
		return Refused
	}
	if e.From == 0 {
		d.proto = proto
	}
	d.have += n
	f := piece{data, n - len(data)}
	if fit == follows {
		r := &d.runs[i]
		r.to = e.To
		r.pieces = append(r.pieces, f)
	} else {
		d.runs = slices.Insert(d.runs, i, run{e.From, e.To, []piece{f}})
	}
	if d.last && d.have == d.length { // runs do not overlap
		return Complete
	}
	return Kept
}

// How a fragment fits into a datagram.
const (
	separate = iota
	follows
	duplicate
	overlap
)

// fit returns where a fragment goes: into which run, or before which.
func (d *Datagram) fit(from, to int) (int, int) {
	n := len(d.runs)
	if n == 0 {
		return 0, separate
	}
	if last := &d.runs[n-1]; last.to < to {
		switch {
		case from < last.to:
			return 0, overlap
		case from == last.to:
			return n - 1, follows
		}
		return n, separate
	}
	i := sort.Search(n, func(i int) bool { return from < d.runs[i].to })
	switch r := &d.runs[i]; { // the last run ends at or behind to
	case to <= r.from:
		return i, separate
	case from >= r.from && to <= r.to:
		return 0, duplicate
	}
	return 0, overlap
}

// Pieces gives the data that was kept, in order.
func (d *Datagram) Pieces() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, r := range d.runs {
			for _, f := range r.pieces {
				if !yield(f.data) {
					return
				}
			}
		}
	}
}

// AppendPacket appends a complete datagram, up to the first byte that was not
// captured, behind an IP header without options and with the addresses of p, one of
// its fragments. It returns how long the packet is as well, which may be more than IP
// allows, and its link type.
func (d *Datagram) AppendPacket(b []byte, p *decode.Packet) (packet []byte, length int, link decode.LinkType) {
	start := len(b)
	if p.IPVersion == 4 {
		link = decode.LinkIPv4
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(20+d.length))
		b = append(b, 0, 0, 0, 0, 64, d.proto, 0, 0)
	} else {
		link = decode.LinkIPv6
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(d.length))
		b = append(b, d.proto, 64)
	}
	b = append(b, p.Src().Addr().AsSlice()...)
	b = append(b, p.Dst().Addr().AsSlice()...)
	length = len(b) - start + d.length
	for _, r := range d.runs {
		for _, f := range r.pieces {
			b = append(b, f.data...)
			if f.cut > 0 {
				return b, length, link
			}
		}
	}
	return b, length, link
}
