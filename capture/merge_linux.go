package capture

import (
	"time"

	"github.com/wstap/wstap/capture/internal/tpacket"
)

// A merger reads several shards as one.
type merger struct {
	shards  []*shard
	group   *tpacket.Group // of their sockets
	pending func(uintptr) bool
	look    bool // a shard without a block may have got one
}

func newMerger(shards []*shard) (*merger, error) {
	sockets := make([]*tpacket.Socket, len(shards))
	for i, s := range shards {
		sockets[i] = s.socket
	}
	group, err := tpacket.NewGroup(sockets)
	if err != nil {
		return nil, err
	}
	m := &merger{shards: shards, group: group, look: true}
	m.pending = m.isPending
	return m, nil
}

// read gives out the oldest frames of the blocks at hand.
func (m *merger) read(fs []Frame) (int, error) {
	if len(fs) == 0 {
		return 0, nil
	}
	waited := false
	for {
		var err error
		if m.look {
			err = m.advance()
			m.look = false
		}
		if n := m.giveAll(fs); n > 0 {
			return n, nil
		}
		if m.look {
			continue
		}
		m.look = true
		if err != errNotReady {
			return 0, err
		}
		if waited && m.isSilent() {
			fs[0] = Frame{Time: m.silentUntil()}
			return 0, nil
		}
		if err := m.wait(); err != nil {
			return 0, err
		}
		waited = true
	}
}

// isSilent says whether all that was captured was given out.
func (m *merger) isSilent() bool {
	for _, s := range m.shards {
		s.mu.Lock()
		silent := s.isSilent()
		s.mu.Unlock()
		if !silent {
			return false
		}
	}
	return true
}

// silentUntil returns what the shard says that was read last.
func (m *merger) silentUntil() (t time.Time) {
	for _, s := range m.shards {
		if u := s.silentUntil(); u.After(t) {
			t = u
		}
	}
	return t
}

// giveAll gives out frames, the oldest first, until fs is full or a block is
// used up: another one might hold older frames, and the next advance takes it.
func (m *merger) giveAll(fs []Frame) (n int) {
	for n < len(fs) && !m.look {
		s := m.oldest()
		if s == nil {
			break
		}
		if s.give(&fs[n]) {
			s.captured.Add(1)
			n++
		}
		m.look = s.block.Left() == 0
	}
	return n
}

// oldest returns the shard whose next frame is the oldest, or nil where no
// shard has a block.
func (m *merger) oldest() *shard {
	var oldest *shard
	for _, s := range m.shards {
		if s.block.Left() > 0 && (oldest == nil || s.block.Stamp() < oldest.block.Stamp()) {
			oldest = s
		}
	}
	return oldest
}

// advance takes a block in every shard that has none. Unless there is one, it
// returns errNotReady as long as one may come, and then why none will.
func (m *merger) advance() error {
	var err error
	for _, s := range m.shards {
		if s.block.Left() > 0 {
			continue
		}
		switch aerr := s.advance(false); {
		case aerr == errClosed:
			err = aerr
		case aerr == errNotReady && err != errClosed, err == nil:
			err = aerr
		}
	}
	return err
}

func (m *merger) wait() error {
	var deadline time.Time
	for _, s := range m.shards {
		s.mu.Lock()
		if d := s.deadline(); !d.IsZero() && (deadline.IsZero() || d.Before(deadline)) {
			deadline = d
		}
		s.mu.Unlock()
	}
	err := m.group.Wait(deadline, m.pending)
	if err != nil && m.shards[0].ring.Closed() {
		return errClosed // the poller's own errors match nothing
	}
	return err
}

func (m *merger) isPending(uintptr) bool {
	pending := false
	for _, s := range m.shards {
		if err := s.socket.Control(func(fd int) error {
			pending = s.isPending(uintptr(fd)) || pending
			return nil
		}); err != nil {
			return true // closed: advance tells
		}
	}
	return pending
}
