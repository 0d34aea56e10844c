package pcapfile

import (
	"encoding/binary"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

// A choice is what SetFilter was given. It does not change.
type choice struct {
	expr    string
	program *filter.Program // for the file's link type
}

// A selection is what a walker makes of a choice.
type selection struct {
	choice   *choice         // nil: all frames
	program  *filter.Program // for link; nil iff choice is
	link     decode.LinkType
	programs map[decode.LinkType]*filter.Program // those that occur
	meta     filter.Meta
}

// SetFilter replaces the filter: frames that a later call of Read gives out
// match expr, a pcap-filter(7) expression; the empty one matches all. Errors are
// *filter.Error and change nothing. SetFilter may be called from any goroutine.
func (r *Reader) SetFilter(expr string) error {
	if expr == "" {
		r.choice.Store(nil)
		return nil
	}
	p, err := r.compile(expr, r.link)
	if err != nil {
		return err
	}
	r.choice.Store(&choice{expr, p})
	return nil
}

func (r *Reader) compile(expr string, link decode.LinkType) (*filter.Program, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if r.bigEndian {
		order = binary.BigEndian
	}
	return filter.Compile(expr, filter.Target{Link: link, Order: order})
}

// choose makes c the filter.
func (w *walker) choose(c *choice) {
	w.selection = selection{choice: c}
	if c != nil {
		s := &w.selection
		s.program, s.link = c.program, w.r.link
		s.programs = map[decode.LinkType]*filter.Program{s.link: s.program}
	}
}

// selects says whether the filter wants a frame. A filter that makes no sense for
// the type of the frame ends the walker.
func (w *walker) selects(f *capture.Frame) bool {
	s := &w.selection
	if s.program == nil {
		return true
	}
	if f.Link != s.link && !w.relink(f.Link) {
		return false
	}
	return s.match(f.Data, f.Length, f.Interface)
}

func (s *selection) match(data []byte, length, ifi int) bool {
	s.meta.Length, s.meta.Interface = length, ifi
	return s.program.Match(data, &s.meta) > 0
}

// relink makes the filter one for frames of another type.
func (w *walker) relink(link decode.LinkType) bool {
	s := &w.selection
	p := s.programs[link]
	if p == nil {
		var err error
		if p, err = w.r.compile(s.choice.expr, link); err != nil {
			w.fail(err)
			return false
		}
		s.programs[link] = p
	}
	s.program, s.link = p, link
	return true
}
