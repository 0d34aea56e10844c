package capture

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/internal/tpacket"
	"github.com/wstap/wstap/decode"
)

func supported() error { return nil }

// maxWorkers bounds the rings that nobody asked for: of the buffer that they
// share, a connection has only its ring's part for its bursts.
const maxWorkers = 4

// maxRing is the most that the kernel's 32-bit arithmetic lets one ring have,
// in bytes.
const maxRing = 1 << 30

type live struct {
	device     *device
	link       decode.LinkType
	snapLen    int
	prelude    []bpf.RawInstruction
	shards     []*shard
	merger     *merger // nil if there is one shard
	warnings   []string
	bufferSize int

	mu      sync.Mutex
	chosen  *filter.Program // the filter that was set last
	members *members        // nil unless there are several interfaces
	counts  Stats           // from the kernel; Captured is kept by the shards
	names   map[int]string
	stopped bool
	closed  bool
}

func (l *live) open(name string, c *Config) error {
	c.BlockSize = 1 << bits.Len(uint(max(c.BlockSize, os.Getpagesize())-1))
	if c.Workers == 0 {
		// The other half of the processors is for who talks and who listens.
		c.Workers = min(max(runtime.GOMAXPROCS(0)/2, 1), maxWorkers)
	}
	return inNamespace(c.Namespace, func() error {
		err := l.openHere(name, c)
		if errors.Is(err, unix.ENODEV) {
			err = fmt.Errorf("%w: it went away meanwhile", ErrNoInterface)
		}
		return err
	})
}

// openHere opens the capture in the current namespace.
func (l *live) openHere(name string, c *Config) (err error) {
	d, err := findDevice(name)
	if err != nil {
		return err
	}
	d.name = name
	l.device, l.link, l.snapLen = d, d.link, c.SnapLen
	if l.prelude, err = bpf.Assemble(d.prelude(c.Direction)); err != nil {
		return err
	}
	p, err := l.compile(c.Filter)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := l.openRings(c); err != nil {
		return err
	}
	if err := l.prepare(c); err != nil {
		return err
	}
	if err := l.start(l.program(p), c.Direction); err != nil {
		return err
	}
	l.chosen = p
	if d.members != nil {
		l.members = watchMembers(l, c)
	}
	return nil
}

// compile makes a filter for the capture.
func (l *live) compile(expr string) (*filter.Program, error) {
	return filter.Compile(expr, filter.Target{Link: l.link, Live: true, SnapLen: uint32(l.snapLen)})
}

// program is what the kernel runs for a filter.
func (l *live) program(p *filter.Program) []bpf.RawInstruction {
	return append(l.prelude[:len(l.prelude):len(l.prelude)], p.Raw()...)
}

// openRings makes the sockets, deaf so far, and their rings.
func (l *live) openRings(c *Config) error {
	asked := max(c.BufferSize, tpacket.MinBlocks*c.BlockSize*c.Workers)
	blocks := min(max(c.BufferSize/c.BlockSize/c.Workers, tpacket.MinBlocks), maxRing/c.BlockSize)
	for range c.Workers {
		s, err := openShard(l, c, blocks)
		if err != nil {
			return err
		}
		l.shards = append(l.shards, s)
		l.bufferSize += s.ring.Size()
	}
	if l.bufferSize < asked-c.Workers*c.BlockSize { // more than rounding down makes
		l.warn("the kernel gives no buffer of %d KiB: it gave %d KiB", asked>>10, l.bufferSize>>10)
	}
	if len(l.shards) == 1 {
		return nil
	}
	var err error
	l.merger, err = newMerger(l.shards)
	return err
}

// prepare sets what belongs to the interfaces rather than to a ring.
func (l *live) prepare(c *Config) error {
	if l.device.down {
		l.warn("%s is down: nothing comes in until it is up", l.device.name)
	}
	first := l.shards[0].socket
	indexes := l.device.members
	if l.device.index != 0 {
		indexes = []int{l.device.index}
	}
	if c.Promiscuous {
		for _, i := range indexes {
			if err := first.Promiscuous(i); err != nil {
				return err
			}
		}
	}
	if c.Clock == ClockHardware {
		for _, s := range l.shards {
			if err := s.hardwareTime(l.device.index); err != nil {
				l.warn("hardware timestamps: %v; the kernel takes the time", err)
				break
			}
		}
	}
	return nil
}

// start lets frames in.
func (l *live) start(program []bpf.RawInstruction, dir Direction) error {
	// Outgoing frames that nobody wants need not be copied: those that the
	// prelude drops all of.
	ignore := dir == Incoming || dir == DirectionUnknown && l.device.index != 0 && l.device.index == l.device.loopback
	attach := func(program []bpf.RawInstruction) error {
		for _, s := range l.shards {
			if err := s.socket.Attach(program); err != nil {
				return err
			}
		}
		return nil
	}
	if len(l.shards) == 1 {
		if ignore {
			l.shards[0].socket.IgnoreOutgoing()
		}
		if err := attach(program); err != nil {
			return err
		}
		return l.shards[0].socket.Bind(l.device.index)
	}
	// With a part of the group at work, connections would begin in one ring
	// and go on in another: let nothing in before it is complete.
	if err := attach(tpacket.RejectAll); err != nil {
		return err
	}
	id := -1
	for i, s := range l.shards {
		if err := s.socket.Bind(l.device.index); err != nil {
			return err
		}
		var err error
		id, err = s.socket.FanOut(id, ignore)
		if i == 0 && errors.Is(err, unix.EINVAL) {
			// Kernels before 6.10 form no group on an interface that is down.
			l.warn("one ring instead of %d: the kernel refuses to spread frames (%v)", len(l.shards), err)
			err = l.useOneRing()
			if err != nil {
				return err
			}
			break
		}
		if err != nil {
			return err
		}
	}
	return attach(program)
}

// useOneRing gives up all rings but the first.
func (l *live) useOneRing() error {
	err := l.merger.group.Close()
	for _, s := range l.shards[1:] {
		l.bufferSize -= s.ring.Size()
		err = errors.Join(err, s.socket.Close())
	}
	l.merger, l.shards = nil, l.shards[:1]
	return err
}

func (l *live) warn(format string, a ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, a...))
}

func (l *live) read(fs []Frame) (int, error) {
	if l.merger != nil {
		return l.merger.read(fs)
	}
	return l.shards[0].Read(fs)
}

func (l *live) info() Info {
	return Info{Name: l.device.name, Link: l.link, SnapLen: l.snapLen, Live: true, InterfaceName: l.interfaceName}
}

func (l *live) sources() []Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	sources := make([]Source, len(l.shards))
	for i, s := range l.shards {
		if len(l.shards) > 1 && s.frags == nil {
			s.frags = newFragments(s, l.shards)
		}
		sources[i] = s
	}
	return sources
}

func (l *live) setFilter(expr string) error {
	p, err := l.compile(expr)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	var raw []bpf.RawInstruction
	if !l.stopped {
		raw = l.program(p)
	}
	l.chosen = p
	for _, s := range l.shards {
		if err := s.setFilter(raw, p); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
	}
	return nil
}

func (l *live) stop() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	l.stopped = true
	var errs []error
	for _, s := range l.shards {
		errs = append(errs, s.stop())
	}
	if l.merger != nil {
		l.merger.group.Poke()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// interfaceName returns the name of an interface in the captured namespace, and
// the last one of an interface that is gone, if it was asked for before.
func (l *live) interfaceName(index int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var name string
	if !l.closed {
		l.shards[0].socket.Control(func(fd int) (err error) {
			name, err = interfaceName(fd, index)
			return err
		})
	}
	if name == "" {
		return l.names[index]
	}
	if l.names == nil {
		l.names = make(map[int]string)
	}
	l.names[index] = name
	return name
}

func (l *live) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.readCounters(time.Time{}) // the last figures
	l.closed = true
	if l.members != nil {
		close(l.members.done)
	}
	errs := make([]error, len(l.shards), len(l.shards)+1)
	var wg sync.WaitGroup
	for i, s := range l.shards {
		// The kernel takes its time over each.
		wg.Go(func() { errs[i] = s.socket.Close() })
	}
	wg.Wait()
	if l.merger != nil {
		errs = append(errs, l.merger.group.Close())
	}
	return errors.Join(errs...)
}
