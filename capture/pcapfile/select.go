package pcapfile

import (
	"github.com/wstap/wstap/capture"
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

// read reads the next frame that the filter selects.
func (r *Reader) read(f *capture.Frame) error {
	for {
		if err := r.parse(f); err != nil {
			return err
		}
		s := r.selection.Load()
		if s == nil {
			return nil
		}
		if f.Link != s.link {
			if err := s.compile(f.Link, r.bigEndian); err != nil {
				return err
			}
		}
		s.meta.Length, s.meta.Interface = f.Length, f.Interface
		if s.program.Match(f.Data, &s.meta) > 0 {
			return nil
		}
	}
}
