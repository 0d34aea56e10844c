package capture

import (
	"errors"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// members watches the interfaces of a capture of several: one that went away may
// come back under its name, as another one.
type members struct {
	live        *live
	direction   Direction
	promiscuous bool
	changed     func(name string, present bool) // may be nil

	names []string
	gone  []bool
	done  chan struct{} // closed with the capture
}

func watchMembers(l *live, c *Config) *members {
	m := &members{
		live: l, direction: c.Direction, promiscuous: c.Promiscuous, changed: c.Changed,
		names: l.device.names, gone: make([]bool, len(l.device.names)), done: make(chan struct{}),
	}
	go m.run()
	return m
}

func (m *members) run() {
	tick := time.NewTicker(membersPoll / 2)
	defer tick.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-tick.C:
			m.look()
		}
	}
}

// look tells what has changed since the last time.
func (m *members) look() {
	now := *m.live.device.now.Load()
	next := append([]int(nil), now...)
	var back []int
	for i, name := range m.names {
		if !m.gone[i] && !m.exists(now[i]) {
			m.gone[i] = true
			m.tell(name, false)
		}
		if m.gone[i] {
			if index := m.index(name); index > 0 {
				next[i] = index
				back = append(back, i)
			}
		}
	}
	if back == nil || m.live.useMembers(next, m) != nil { // it ends, or it will be tried again
		return
	}
	for _, i := range back {
		m.gone[i] = false
		m.tell(m.names[i], true)
	}
}

func (m *members) tell(name string, present bool) {
	if m.changed != nil {
		m.changed(name, present)
	}
}

// exists reports whether there is an interface of that index. In doubt there is.
func (m *members) exists(index int) bool {
	err := m.live.shards[0].socket.Control(func(fd int) error {
		_, err := interfaceName(fd, index)
		return err
	})
	return !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENXIO)
}

// index returns the index of the interface that has the name now, or 0.
func (m *members) index(name string) (index int) {
	_ = m.live.shards[0].socket.Control(func(fd int) error { // the next look tries again
		ifr, err := unix.NewIfreq(name)
		if err == nil {
			err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr)
		}
		if err == nil {
			index = int(ifr.Uint32())
		}
		return err
	})
	return index
}

// useMembers captures from other interfaces.
func (l *live) useMembers(indexes []int, m *members) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.stopped {
		return errClosed
	}
	d := *l.device
	d.members = indexes
	prelude, err := bpf.Assemble(d.prelude(m.direction))
	if err != nil {
		return err
	}
	before := l.prelude
	l.prelude = prelude
	program := l.program(l.chosen)
	for _, s := range l.shards {
		if err == nil {
			err = s.socket.Attach(program)
		}
	}
	if err != nil {
		l.prelude = before
		return err
	}
	if m.promiscuous {
		for i, index := range indexes {
			if m.gone[i] {
				_ = l.shards[0].socket.Promiscuous(index) // it is heard less of, if this fails
			}
		}
	}
	l.device.now.Store(&indexes)
	return nil
}
