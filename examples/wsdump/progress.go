package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/wstap/wstap/internal/cli"
)

// progressSize is the size from which reading a file takes long enough to show
// how far it is.
const progressSize = 8 << 20

// progress keeps a line at the bottom of the terminal that says how much of a
// file has been read. A nil progress shows nothing.
type progress struct {
	file *os.File
	size int64
	quit chan struct{}

	mu     sync.Mutex
	shown  bool
	midway bool // the last line above is not finished
	ended  bool
}

// newProgress returns nil where there is no terminal, no large file, or no
// end of it.
func (s *source) newProgress() *progress {
	if s.size < progressSize || s.eager || !cli.IsTerminal(os.Stderr) {
		return nil
	}
	return &progress{file: s.file, size: s.size, quit: make(chan struct{})}
}

func (p *progress) start() {
	if p != nil {
		go p.run()
	}
}

func (p *progress) run() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		p.mu.Lock()
		if at, err := p.file.Seek(0, io.SeekCurrent); err == nil && !p.ended && !p.midway {
			fmt.Fprintf(os.Stderr, "\r%3d%% of %d MB read", min(at, p.size)*100/p.size, p.size/1e6)
			p.shown = true
		}
		p.mu.Unlock()
		select {
		case <-p.quit:
			return
		case <-tick.C:
		}
	}
}

// hide takes the line away until the next tick.
func (p *progress) hide() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

func (p *progress) erase() {
	if p.shown {
		io.WriteString(os.Stderr, "\r\x1b[K")
		p.shown = false
	}
}

// stop takes the line away for good.
func (p *progress) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.ended = true
		close(p.quit)
		p.erase()
	}
}

// above returns a writer that prints above the line.
func (p *progress) above(w io.Writer) io.Writer {
	if p == nil || !cli.IsTerminal(os.Stdout) {
		return w
	}
	return aboveProgress{p, w}
}

type aboveProgress struct {
	p *progress
	w io.Writer
}

func (a aboveProgress) Write(b []byte) (int, error) {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	a.p.erase()
	a.p.midway = len(b) > 0 && b[len(b)-1] != '\n'
	return a.w.Write(b)
}
