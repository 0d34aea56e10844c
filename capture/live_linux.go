package capture

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"

	"golang.org/x/net/bpf"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

func supported() error { return nil }

type live struct {
	device     *device
	link       decode.LinkType
	shards     []*shard
	warnings   []string
	bufferSize int

	mu     sync.Mutex
	counts Stats // from the kernel; Captured is not kept here
	closed bool
}

func (l *live) open(name string, c *Config) error {
	page := os.Getpagesize()
	c.BlockSize = 1 << bits.Len(uint(max(c.BlockSize, page)-1))
	return inNamespace(c.Namespace, func() error { return l.openHere(name, c) })
}

// openHere opens the capture in the current namespace.
func (l *live) openHere(name string, c *Config) (err error) {
	d, err := findDevice(name)
	if err != nil {
		return err
	}
	l.device, l.link = d, d.link
	program, err := l.compile(c)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	blocks := max(c.BufferSize/c.BlockSize, minBlocks)
	s, err := openShard(d, c, blocks)
	if err != nil {
		return err
	}
	s.live = l
	l.shards = append(l.shards, s)
	if s.ring.n < blocks {
		l.warnings = append(l.warnings, fmt.Sprintf("the kernel refused a ring of %d KiB for want of memory: it has %d KiB",
			blocks*c.BlockSize>>10, s.ring.n*c.BlockSize>>10))
	}
	l.bufferSize += s.ring.n * c.BlockSize
	if c.Promiscuous && d.index != 0 {
		if err := s.conn.SetPromiscuous(true); err != nil {
			return err
		}
	}
	if err := s.conn.SetBPF(program); err != nil {
		return err
	}
	return s.bind(d)
}

// compile makes the program that the kernel runs.
func (l *live) compile(c *Config) ([]bpf.RawInstruction, error) {
	prelude, err := bpf.Assemble(l.device.prelude(c.Direction))
	if err != nil {
		return nil, err
	}
	if c.Filter == "" {
		all, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: uint32(c.SnapLen)}})
		return append(prelude, all...), err
	}
	p, err := filter.Compile(c.Filter, filter.Target{Link: l.link, Live: true, SnapLen: uint32(c.SnapLen)})
	if err != nil {
		return nil, err
	}
	return append(prelude, p.Raw()...), nil
}

func (l *live) next(f *Frame) error { return l.shards[0].Next(f) }

func (l *live) sources() []Source {
	s := make([]Source, len(l.shards))
	for i := range s {
		s[i] = l.shards[i]
	}
	return s
}

func (l *live) stats() (Stats, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.count()
	st := l.counts
	for _, s := range l.shards {
		st.Captured += s.captured.Load()
	}
	return st, err
}

// count adds the kernel's counters, which begin anew on each read.
func (l *live) count() error {
	if l.closed {
		return nil
	}
	for _, s := range l.shards {
		st, err := s.conn.Stats()
		if err != nil {
			return err
		}
		l.counts.Received += uint64(st.Packets)
		l.counts.Dropped += uint64(st.Drops)
		l.counts.Freezes += uint64(st.FreezeQueueCount)
	}
	return nil
}

func (l *live) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.count() // the last figures
	l.closed = true
	var errs []error
	for _, s := range l.shards {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
