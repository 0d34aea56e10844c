package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
)

// seriesBatch is how many frames of a file a Series has at hand.
const seriesBatch = 64

// A Series reads several capture files as one, in the order of time: files that
// were written one after the other, or at the same time. It is a [capture.Source].
// A file is open from its first frame to its last only.
//
// Frames of interfaces with the same name have the same Frame.Interface in all
// files, and where interfaces have no names those with the same number.
type Series struct {
	cfg    Config
	info   capture.Info
	format Format // Pcapng if that of a file is
	given  atomic.Uint64

	// Read's own.
	parts []*part // that are not at their end, those to be opened behind
	err   error   // what is wrong with a file: Read's last word

	mu      sync.Mutex
	opened  map[*part]*Reader
	past    capture.Stats // of files read to their ends
	names   []string      // of interfaces, by number; empty: none
	stopped bool
	closed  bool
}

// A part is one of the files.
type part struct {
	name   string
	first  time.Time // of the first frame
	r      *Reader   // nil: to be opened
	frames []capture.Frame
	batch  []capture.Frame // of frames, not given out yet
	number []int           // the Series' number of an interface
}

var _ capture.Source = (*Series)(nil)

// OpenSeries opens several capture files as one; "-" is the standard input. It
// looks at the first frame of each. The caller must Close the Series. Config.Follow
// and Config.Workers have no effect. A mistake in the filter is a *filter.Error.
func OpenSeries(names []string, cfg *Config) (*Series, error) {
	s := &Series{opened: map[*part]*Reader{}}
	if cfg != nil {
		s.cfg = Config{Filter: cfg.Filter, Secrets: cfg.Secrets}
	}
	if len(names) == 0 {
		return nil, errors.New("pcapfile: a series of no files")
	}
	for _, name := range names {
		p, err := s.look(name)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.parts = append(s.parts, p)
	}
	slices.SortStableFunc(s.parts, func(a, b *part) int { return a.first.Compare(b.first) })
	s.info.Name = names[0]
	if n := len(names) - 1; n > 0 {
		s.info.Name = fmt.Sprintf("%s and %d more", names[0], n)
	}
	s.info.InterfaceName = s.interfaceName
	return s, nil
}

// look finds out when a file begins. What can be read only once stays open.
func (s *Series) look(name string) (*part, error) {
	r, err := Open(name, &Config{Secrets: s.cfg.Secrets})
	if err != nil {
		return nil, err
	}
	p := &part{name: name}
	s.format = max(s.format, r.format)
	if s.info.Name == "" {
		s.info = r.Info()
		s.info.Name = name
	}
	s.info.SnapLen = max(s.info.SnapLen, r.Info().SnapLen)
	if s.cfg.Filter != "" {
		if _, err := r.compile(s.cfg.Filter, r.link); err != nil {
			r.Close()
			return nil, err
		}
	}
	p.frames = make([]capture.Frame, seriesBatch)
	n, err := r.Read(p.frames)
	if n > 0 {
		p.first = p.frames[0].Time
	}
	if name != "-" && regular(r.src) {
		p.frames = nil
		return p, r.Close() // an error of reading will come again
	}
	if err == nil {
		err = r.SetFilter(s.cfg.Filter)
	}
	if err != nil && err != io.EOF {
		r.Close()
		return nil, err
	}
	// What was read before the filter was set is filtered here.
	p.r = r
	r.walker.choose(r.choice.Load())
	for _, f := range p.frames[:n] {
		if r.walker.selects(&f) {
			p.batch = append(p.batch, f)
		}
	}
	s.numberAll(p)
	s.opened[p] = r
	return p, nil
}

// Read implements [capture.Source]. What is wrong with a file is told after all
// others were read: an *[Error].
func (s *Series) Read(fs []capture.Frame) (n int, err error) {
	for n < len(fs) {
		p, err := s.earliest(n == 0)
		if err != nil {
			return 0, err
		}
		if p == nil {
			break // others are borrowed
		}
		fs[n] = p.batch[0]
		fs[n].Interface = p.number[fs[n].Interface]
		p.batch = p.batch[1:]
		n++
	}
	s.given.Add(uint64(n))
	return n, nil
}

// earliest returns the part whose frame is the next. If that takes another read
// of a file, and it may not read, it returns nil.
func (s *Series) earliest(mayRead bool) (*part, error) {
	for {
		if s.isClosed() {
			return nil, errClosed
		}
		var first *part
		for _, p := range s.parts {
			if p.r == nil {
				if first != nil && !p.first.Before(first.batch[0].Time) {
					break // and none behind it
				}
				if !s.open(p) {
					break
				}
			}
			if len(p.batch) == 0 {
				if !mayRead && p.frames != nil {
					return nil, nil
				}
				if !s.fill(p) {
					first = nil
					break
				}
			}
			if first == nil || p.batch[0].Time.Before(first.batch[0].Time) {
				first = p
			}
		}
		switch {
		case first != nil:
			return first, nil
		case len(s.parts) > 0:
			continue // one has ended
		case !mayRead:
			return nil, nil
		case s.err != nil:
			return nil, s.err
		}
		return nil, io.EOF
	}
}

// open opens a file whose time has come.
func (s *Series) open(p *part) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.closed {
		s.drop(p, nil)
		return false
	}
	r, err := Open(p.name, &s.cfg)
	if err != nil {
		s.drop(p, err)
		return false
	}
	p.r, s.opened[p] = r, r
	return true
}

// fill reads more of a file. It returns false at its end.
func (s *Series) fill(p *part) bool {
	if p.frames == nil {
		p.frames = make([]capture.Frame, seriesBatch)
	}
	n, err := p.r.Read(p.frames)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.drop(p, err)
		return false
	}
	p.batch = p.frames[:n]
	s.numberAll(p)
	return true
}

// numberAll makes sure that all interfaces of a batch have a number. The caller
// holds mu.
func (s *Series) numberAll(p *part) {
	for i := range p.batch {
		for len(p.number) <= p.batch[i].Interface {
			p.number = append(p.number, s.number(p, len(p.number)))
		}
	}
}

// drop ends a file, for a reason if there is one. The caller holds mu.
func (s *Series) drop(p *part, err error) {
	if err != nil && err != io.EOF && s.err == nil && !s.closed {
		s.err = err
	}
	if p.r != nil {
		st, _ := p.r.Stats() // cannot fail
		s.past.Dropped += st.Dropped
		if s.past.FirstDrop.IsZero() || !st.FirstDrop.IsZero() && st.FirstDrop.Before(s.past.FirstDrop) {
			s.past.FirstDrop = st.FirstDrop
		}
		_ = p.r.Close() // it was read to its end
		delete(s.opened, p)
	}
	s.parts = slices.DeleteFunc(s.parts, func(other *part) bool { return other == p })
}

// number numbers an interface of a file. The caller holds mu.
func (s *Series) number(p *part, i int) int {
	name := p.r.meta.interfaceName(i)
	if name == "" {
		for len(s.names) <= i {
			s.names = append(s.names, "")
		}
		return i
	}
	if at := slices.Index(s.names, name); at >= 0 {
		return at
	}
	s.names = append(s.names, name)
	return len(s.names) - 1
}

func (s *Series) interfaceName(number int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number < 0 || number >= len(s.names) {
		return ""
	}
	return s.names[number]
}

func (s *Series) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Info implements [capture.Source]. Link is that of the file that was named first.
func (s *Series) Info() capture.Info { return s.info }

// Format returns Pcapng if a file has that format, else Pcap.
func (s *Series) Format() Format { return s.format }

// Stats implements [capture.Source]: over all files, as far as they were read.
func (s *Series) Stats() (capture.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.past
	all.Captured = s.given.Load()
	for _, r := range s.opened {
		st, _ := r.Stats() // cannot fail
		all.Dropped += st.Dropped
		if all.FirstDrop.IsZero() {
			all.FirstDrop = st.FirstDrop
		}
	}
	all.Received = all.Captured + all.Dropped
	return all, nil
}

// Stop implements [capture.Source].
func (s *Series) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.stopped = true
	var errs []error
	for _, r := range s.opened {
		errs = append(errs, r.Stop())
	}
	return errors.Join(errs...)
}

// Close implements [capture.Source].
func (s *Series) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, r := range s.opened {
		errs = append(errs, r.Close())
	}
	clear(s.opened)
	return errors.Join(errs...)
}
