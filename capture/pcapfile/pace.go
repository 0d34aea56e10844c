package pcapfile

import (
	"errors"
	"io"
	"math"
	"slices"
	"sync"
)

// maxLead is how many bytes of a file one walker may be ahead of another: what
// it read last shall still be in the page cache when the other comes.
const maxLead = 64 << 20

// gone is the place of a walker that has ended: it holds nobody up.
const gone = math.MaxInt64

// A pace keeps the readers of one input together.
type pace struct {
	mu     sync.Mutex
	moved  sync.Cond // something below changed
	at     []int64   // where each is: in bytes, or chunks of a broadcast
	ending int64     // where they agreed that the file ends, or gone; for lanes

	stopped bool // nothing more is read than what some reader has read
	closed  bool
}

// errStopped is what readers get in the place of io.EOF after a stop: a record
// that is not whole there is no fault of the file.
var errStopped = errors.New("pcapfile: stopped")

func (p *pace) init() {
	p.moved.L = &p.mu
	p.at = []int64{0}
	p.ending = gone
}

// split makes n readers that go on at the same place of the first one, which it
// may count in another way.
func (p *pace) split(n int, place int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = slices.Repeat([]int64{place}, n)
	if p.ending != gone {
		p.ending = place
	}
}

// slowest is the place of the one that is behind all. The caller holds mu.
func (p *pace) slowest() int64 { return slices.Min(p.at) }

// set tells where reader i is.
func (p *pace) set(i int, place int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[i] = place
	p.moved.Broadcast()
}

// stop makes the input end for all readers where the one is that is ahead.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending == gone {
		p.stopped = true
		p.ending = 0
		for _, at := range p.at {
			if at != gone {
				p.ending = max(p.ending, at)
			}
		}
	}
	p.moved.Broadcast()
}

func (p *pace) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.moved.Broadcast()
}

// A lane reads a file for one walker, in pace with the others.
type lane struct {
	file io.ReaderAt
	at   int64
	pace *pace
	i    int
}

// sequential makes one lane read in the ordinary way: what has no offsets, or a
// file whose offset says to its user how far it is.
type sequential struct{ io.Reader }

func (s sequential) ReadAt(b []byte, _ int64) (int, error) { return s.Read(b) }

func (l *lane) Read(b []byte) (int, error) {
	for {
		if !l.pace.wait(l.i) {
			return 0, errClosed
		}
		n, err := l.file.ReadAt(b, l.at)
		n, err = l.pace.agree(l.i, l.at, n, err)
		l.at += int64(n)
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// wait waits while reader i is too far ahead. It returns false after close.
func (p *pace) wait(i int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && p.at[i]-p.slowest() > maxLead {
		p.moved.Wait()
	}
	return !p.closed
}

// agree takes what ReadAt returned to reader i at a place, and returns what of
// it counts: a file that grows meanwhile shall end at the same place for all.
func (p *pace) agree(i int, place int64, n int, err error) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := place + int64(n)
	if err == io.EOF && now < p.ending {
		if slices.ContainsFunc(p.at, func(at int64) bool { return at > now && at != gone }) {
			err = nil // another one found more
		} else {
			p.ending = now
		}
	}
	if now >= p.ending {
		now, err = p.ending, io.EOF
		if p.stopped {
			err = errStopped
		}
	}
	p.at[i] = now
	p.moved.Broadcast()
	return int(now - place), err
}
