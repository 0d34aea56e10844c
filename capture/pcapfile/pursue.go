package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/capture"
)

// A Pursuer reads the capture files that have a name one after the other, as tail
// -F reads lines. It is a [capture.Source].
type Pursuer struct {
	cfg     Config
	pursuit pursuit
	given   atomic.Uint64

	mu      sync.Mutex
	r       *Reader       // of the file that has the name, or had
	past    capture.Stats // of those before
	info    capture.Info
	stopped bool
	closed  bool

	// Read's own.
	cut error // of the first file that ended in the midst of a frame
	err error // sticky
}

var _ capture.Source = (*Pursuer)(nil)

// OpenName opens the capture file of that name, or waits for it, and goes on with
// more of it until Stop or Close, whatever Config.Follow says. A file that takes
// the place of another one under the name is read from its beginning, after all of
// that one, and so is one that became shorter. Connections go on from file to
// file. A frame that the end of a file cuts is an error that Read returns at the
// end.
func OpenName(name string, cfg *Config) (*Pursuer, error) {
	p := &Pursuer{pursuit: pursuit{name: name, quit: make(chan struct{})}}
	if cfg != nil {
		p.cfg = *cfg
	}
	p.cfg.Workers = 1
	if err := p.next(); err != nil {
		return nil, err
	}
	return p, nil
}

// next waits for the next file. It returns errStopped after Stop.
func (p *Pursuer) next() error {
	for {
		r, again, err := p.open()
		if err == nil {
			return p.take(r)
		}
		if again && errors.Is(err, ErrCut) && p.cut == nil {
			p.cut = err
		}
		select {
		case <-p.pursuit.quit:
			return errStopped
		default:
		}
		if !again {
			return err
		}
		select {
		case <-p.pursuit.quit:
		case <-time.After(followInterval):
		}
	}
}

// open opens the file that has the name. An error after which it is to try again
// is that of no file, or of one that lost its name before it began.
func (p *Pursuer) open() (r *Reader, again bool, err error) {
	f, err := os.Open(p.pursuit.name)
	if err != nil {
		return nil, errors.Is(err, os.ErrNotExist), err
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, false, fmt.Errorf("pcapfile: %s is a directory", p.pursuit.name)
	}
	again = endless(f)
	r, err = newReader(f, f, p.pursuit.name, &p.cfg, &p.pursuit)
	return r, again && (errors.Is(err, ErrEmpty) || errors.Is(err, ErrCut)), err
}

// take makes r the file that is read.
func (p *Pursuer) take(r *Reader) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.stopped {
		r.Close()
		return errStopped
	}
	if p.r == nil {
		p.info = r.Info()
	} else {
		p.leave()
	}
	p.r = r
	return nil
}

// leave closes the file that was read. The caller holds mu.
func (p *Pursuer) leave() {
	st, _ := p.r.Stats() // cannot fail
	p.past.Dropped += st.Dropped
	if p.past.FirstDrop.IsZero() {
		p.past.FirstDrop = st.FirstDrop
	}
	_ = p.r.Close() // it was read to its end
}

// Read implements [capture.Source]. After Stop it returns io.EOF, or the *[Error]
// of the first file that ended in the midst of a frame.
func (p *Pursuer) Read(fs []capture.Frame) (int, error) {
	for p.err == nil {
		n, err := p.r.Read(fs)
		if err == nil {
			p.given.Add(uint64(n))
			return n, nil
		}
		if errors.Is(err, ErrCut) && p.cut == nil {
			p.cut = err
		}
		if err == io.EOF || errors.Is(err, ErrCut) {
			err = p.turn()
		}
		p.err = err
	}
	switch {
	case p.isClosed():
		return 0, errClosed
	case p.err != errStopped:
		return 0, p.err
	case p.cut != nil:
		return 0, p.cut
	}
	return 0, io.EOF
}

func (p *Pursuer) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// turn goes on with the next file, if the one that was read has an end by itself.
func (p *Pursuer) turn() error {
	p.mu.Lock()
	stopped := p.stopped || p.closed || !endless(p.r.src)
	p.mu.Unlock()
	if stopped {
		return errStopped
	}
	return p.next()
}

// Info implements [capture.Source]: that of the first file.
func (p *Pursuer) Info() capture.Info {
	info := p.info
	info.InterfaceName = func(number int) string {
		p.mu.Lock()
		r := p.r
		p.mu.Unlock()
		return r.meta.interfaceName(number)
	}
	return info
}

// Stats implements [capture.Source]: over all files.
func (p *Pursuer) Stats() (capture.Stats, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st, _ := p.r.Stats() // cannot fail
	all := capture.Stats{Captured: p.given.Load(), Dropped: p.past.Dropped + st.Dropped, FirstDrop: p.past.FirstDrop}
	if all.FirstDrop.IsZero() {
		all.FirstDrop = st.FirstDrop
	}
	all.Received = all.Captured + all.Dropped
	return all, nil
}

// Section returns what the latest file says of itself.
func (p *Pursuer) Section() Section {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.r.Section()
}

// Format returns the format of the latest file.
func (p *Pursuer) Format() Format {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.r.Format()
}

// Stop implements [capture.Source].
func (p *Pursuer) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	p.quit()
	return p.r.Stop()
}

// quit ends what waits. The caller holds mu.
func (p *Pursuer) quit() {
	if !p.stopped {
		p.stopped = true
		close(p.pursuit.quit)
	}
}

// Close implements [capture.Source].
func (p *Pursuer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.quit()
	return p.r.Close()
}
