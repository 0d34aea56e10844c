package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/internal/tpacket"
	"github.com/wstap/wstap/decode"
)

// stopLimit bounds how long a stopped capture waits for the kernel to hand
// over its last block, counted from when it should have.
const stopLimit = time.Second

// A shard reads one ring. Its reader owns the block that it holds, frags and parked;
// mu guards the rest.
type shard struct {
	live    *live
	socket  *tpacket.Socket
	ring    *tpacket.Ring // of socket
	link    decode.LinkType
	snapLen int
	timeout time.Duration         // of blocks
	pending func(fd uintptr) bool // sees whether a wait is over; made once

	block  tpacket.Block // held
	frags  *fragments    // nil unless connections are kept apart
	parked []Frame       // to be given out before the next block

	captured atomic.Uint64
	skipped  atomic.Uint64                  // by refilter
	drained  atomic.Bool                    // all that came in until the stop was read
	refilter atomic.Pointer[filter.Program] // what the held block must still pass

	mu        sync.Mutex
	inbox     []Frame       // from other shards
	old       int           // blocks to come that must pass refilter
	lastStamp time.Time     // of the last frame of the last block taken
	taken     time.Time     // when that block was
	patience  time.Duration // how long the next wait may last before Read says that nothing comes
	uncounted int           // frames since the kernel's counters were read
	down      bool          // the interface is down
	stopped   time.Time     // when the capture was stopped; zero: it was not
	err       error         // seen while waiting
	failed    time.Time     // when err was seen first
}

// openShard makes a socket with its ring, deaf so far.
func openShard(l *live, c *Config, blocks int) (*shard, error) {
	socket, err := tpacket.Open(tpacket.Options{
		Cooked:    l.link == decode.LinkSLL2,
		BlockSize: c.BlockSize,
		Blocks:    blocks,
		Timeout:   c.BlockTimeout,
		Headroom:  reserve,
	})
	if err != nil {
		return nil, unprivileged(err)
	}
	s := &shard{live: l, socket: socket, ring: socket.Ring, link: l.link, snapLen: c.SnapLen, timeout: c.BlockTimeout}
	s.pending = s.isPending
	return s, nil
}

// unprivileged adds what to do to an error for lack of a capability.
func unprivileged(err error) error {
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	prog, perr := os.Executable()
	if perr != nil {
		prog = os.Args[0]
	}
	return fmt.Errorf("CAP_NET_RAW is missing: %s: %w", remedy(prog), err)
}

// remedy says how a program gets CAP_NET_RAW. What go run and go test make is gone
// before it could be granted anything.
func remedy(prog string) string {
	if strings.Contains(prog, "/go-build") {
		return "run as root, or build it into a file (go build, go test -c) and grant it once with `setcap cap_net_raw+ep FILE`"
	}
	return fmt.Sprintf("run as root, or grant it once with `setcap cap_net_raw+ep %s`", prog)
}

// Read implements Source, with frames of one block.
func (s *shard) Read(fs []Frame) (int, error) {
	if len(fs) == 0 {
		return 0, nil
	}
	for {
		if s.block.Left() == 0 {
			switch parked, err := s.turn(&fs[0]); {
			case err == errSilent:
				fs[0] = Frame{Time: s.silentUntil()}
				return 0, nil
			case err != nil:
				return 0, err
			case parked:
				return 1, nil
			}
		} else if n := s.giveAll(fs); n > 0 {
			s.captured.Add(uint64(n))
			return n, nil
		}
	}
}

// giveAll gives out as many frames of the held block as there is room for.
func (s *shard) giveAll(fs []Frame) (n int) {
	for n < len(fs) && s.block.Left() > 0 {
		if s.give(&fs[n]) {
			n++
		}
	}
	return n
}

// turn goes on to the next block, unless there is a frame that did not come by
// the ring: that it gives out first.
func (s *shard) turn(f *Frame) (parked bool, err error) {
	if s.unpark(f) {
		return true, nil
	}
	return false, s.advance(true)
}

// unpark gives out a frame that did not come by the ring.
func (s *shard) unpark(f *Frame) bool {
	if len(s.parked) == 0 || s.ring.Closed() {
		return false
	}
	*f = s.parked[0]
	s.parked[0] = Frame{}
	s.parked = s.parked[1:]
	s.captured.Add(1)
	return true
}

// errNotReady is what advance returns if it may not wait.
var errNotReady = errors.New("capture: no block is ready")

// advance gives back the block that is held and takes the next one, waiting
// for it if it may. It may return with frames parked instead.
func (s *shard) advance(mayWait bool) error {
	for waited := false; ; waited = true {
		s.mu.Lock()
		var taken bool
		var err error
		s.block, taken, err = s.ring.Take()
		switch {
		case err != nil:
			s.mu.Unlock()
			return errClosed
		case taken:
			lost, count := s.take()
			s.mu.Unlock()
			if count {
				s.live.count(lost)
			}
			return nil
		case len(s.inbox) > 0:
			s.parked, s.inbox = append(s.parked, s.inbox...), nil
			s.mu.Unlock()
			return nil
		}
		if err = s.err; err == nil && s.isDrained() {
			err = io.EOF
		} else if err != nil && s.lingers() {
			s.mu.Unlock()
			if !mayWait {
				return errNotReady
			}
			time.Sleep(s.timeout / 4)
			continue
		}
		if err != nil && s.frags != nil && s.frags.sorter.Holds() {
			s.frags.flush()
			s.mu.Unlock()
			return nil
		}
		switch {
		case err != nil:
		case !mayWait:
			err = errNotReady
		case waited && s.isSilent():
			err = errSilent
		}
		deadline := s.deadline()
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if err := s.socket.Wait(deadline, s.pending); err != nil {
			s.mu.Lock()
			if s.err == nil {
				s.err = err
			}
			s.mu.Unlock()
		}
	}
}

// lingers reports whether the kernel still fills the block that it hands over last,
// though the capture has an error: what came before that is given out.
func (s *shard) lingers() bool {
	if s.failed.IsZero() {
		s.failed = time.Now()
	}
	return s.ring.Filling() > 0 && time.Since(s.failed) <= s.timeout+stopLimit
}

// take begins with the block that was taken. It reports whether the kernel's
// counters should be read, which are only 32 bits wide. If frames were
// dropped before this block it returns the time of the last one before them.
func (s *shard) take() (lost time.Time, count bool) {
	if s.old > 0 {
		s.old--
	} else if s.refilter.Load() != nil {
		s.refilter.Store(nil)
	}
	s.uncounted += s.block.Left()
	if s.block.Losing() {
		lost = s.lastStamp
		if lost.IsZero() {
			lost = s.block.First()
		}
	}
	s.lastStamp = s.block.Last()
	s.taken, s.patience = time.Now(), leastPatience
	if !lost.IsZero() || s.uncounted >= 1<<28 {
		s.uncounted = 0
		return lost, true
	}
	return lost, false
}

// setFilter replaces the program in the kernel by raw, unless that is nil, and
// makes what the ring holds pass p, which says the same.
func (s *shard) setFilter(raw []bpf.RawInstruction, p *filter.Program) error {
	// One program takes the other's place at once: no frame meets neither.
	if raw != nil {
		if err := s.socket.Attach(raw); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ring.Closed() {
		return errClosed
	}
	s.refilter.Store(p)
	// The blocks that are full, the one that the kernel is filling, and one
	// more: a processor may still be busy with a frame that the old program
	// let in.
	s.old = s.ring.Full() + 2
	return nil
}

// stop lets nothing more in. Read gives out what the ring holds, then io.EOF.
func (s *shard) stop() error {
	err := s.socket.Attach(tpacket.RejectAll)
	s.mu.Lock()
	if s.stopped.IsZero() {
		s.stopped = time.Now()
	}
	s.mu.Unlock()
	s.socket.Poke()
	return err
}

// isDrained reports whether the capture was stopped and nothing is left in
// the block that the kernel is filling. It waits for one block timeout first,
// for frames on their way, and a while for what other shards may hand over.
func (s *shard) isDrained() bool {
	if s.stopped.IsZero() {
		return false
	}
	since := time.Since(s.stopped)
	if since > s.timeout+stopLimit {
		return true
	}
	if since <= s.timeout || s.ring.Filling() > 0 {
		return false
	}
	s.drained.Store(true)
	if s.frags != nil {
		for _, other := range s.frags.shards {
			if !other.drained.Load() {
				return false
			}
		}
	}
	return true
}

// Info implements Source: that of the whole capture.
func (s *shard) Info() Info { return s.live.info() }

// Stats implements Source: the counters of the whole capture.
func (s *shard) Stats() (Stats, error) { return s.live.stats() }

// Stop implements Source: it stops the whole capture.
func (s *shard) Stop() error { return s.live.stop() }

// Close implements Source: it closes the whole capture.
func (s *shard) Close() error { return s.live.close() }

// newestStamp returns the time of the newest frame that the reader has been
// or can be given.
func (s *shard) newestStamp() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.ring.Newest(); !t.IsZero() {
		return t
	}
	return s.lastStamp
}
