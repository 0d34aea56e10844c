package pcapfile

import (
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

// A selection is a filter compiled for each link type that occurs. Its maps
// belong to the goroutine that reads the file.
type selection struct {
	expr     string
	program  *filter.Program // for link
	link     decode.LinkType
	programs map[decode.LinkType]*filter.Program
	meta     filter.Meta
}

// SetFilter replaces the filter: frames that a later call of Next gives out
// match expr, a pcap-filter(7) expression; the empty one matches all. Errors are
// *filter.Error and change nothing. SetFilter may be called from any goroutine.
// With Shards, frames already dealt are not filtered again.
func (r *Reader) SetFilter(expr string) error {
	if expr == "" {
		r.selection.Store(nil)
		return nil
	}
	s := &selection{expr: expr, programs: map[decode.LinkType]*filter.Program{}}
	if err := s.compile(r.link, r.bigEndian); err != nil {
		return err
	}
	r.selection.Store(s)
	return nil
}

func (s *selection) compile(link decode.LinkType, bigEndian bool) error {
	p := s.programs[link]
	if p == nil {
		var err error
		if p, err = filter.Compile(s.expr, filter.Target{Link: link, BigEndian: bigEndian}); err != nil {
			return err
		}
		s.programs[link] = p
	}
	s.program, s.link = p, link
	return nil
}

// selects says whether the filter wants a frame that lies in the input's buffer.
func (r *Reader) selects(e *entry) (bool, error) {
	s := r.selection.Load()
	if s == nil {
		return true, nil
	}
	if e.link != s.link {
		if err := s.compile(e.link, r.bigEndian); err != nil {
			return false, err
		}
	}
	s.meta.Length, s.meta.Interface = e.length, int(e.ifi)
	return s.program.Match(r.in.buf[e.start:e.end], &s.meta) > 0, nil
}
