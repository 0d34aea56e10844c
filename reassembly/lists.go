package reassembly

import (
	"time"

	"github.com/wstap/wstap/internal/list"
)

// A flowList holds the flows of one state, the one that has been silent longest
// first. To move a flow at every packet would cost cache misses, so that is done
// once a second of packet time; within that only its last tells of a packet. Its links
// are indices of the table: those of a [list.Node] would take 24 bytes more in each of
// many idle flows.
type flowList struct {
	head, tail uint32
	count      int
}

// enter puts f, which is in no list, at the end of the list of s.
func (a *Assembler) enter(f *Flow, index uint32, s state) {
	a.link(f, index, a.table.aside(index), s)
}

func (a *Assembler) link(f *Flow, index uint32, x *aside, s state) {
	f.state = s
	f.since = a.clock.now
	l := &a.lists[s]
	x.prev, x.next = l.tail, 0
	if l.tail != 0 {
		a.table.aside(l.tail).next = index
	} else {
		l.head = index
	}
	l.tail = index
	l.count++
}

// leave takes f out of its list.
func (a *Assembler) leave(f *Flow, x *aside) {
	l := &a.lists[f.state]
	if x.prev != 0 {
		a.table.aside(x.prev).next = x.next
	} else {
		l.head = x.next
	}
	if x.next != 0 {
		a.table.aside(x.next).prev = x.prev
	} else {
		l.tail = x.prev
	}
	l.count--
}

const second = int64(time.Second)

// touch notes a packet of f.
func (a *Assembler) touch(f *Flow, index uint32) {
	f.last = a.clock.now
	if f.last-f.since >= second {
		a.renew(f, index)
	}
}

// renew puts a flow of which there was a packet at the end of its list. It is rare:
// touch, which is not, is to stay small enough to be part of its callers.
//
//go:noinline
func (a *Assembler) renew(f *Flow, index uint32) {
	if f.state.lives() {
		a.move(f, index, f.state)
	}
}

func (a *Assembler) move(f *Flow, index uint32, s state) {
	x := a.table.aside(index)
	a.leave(f, x)
	a.link(f, index, x, s)
}

// lives says whether packets keep a flow in s alive. A handshake has to finish
// in time however often its SYN is sent.
func (s state) lives() bool { return s == established || s == closing || s == unwanted }

// expire ends what has timed out.
func (a *Assembler) expire() {
	a.settle()
	a.expireHoles(&a.acked, int64(a.cfg.AckedHoleTimeout))
	a.expireHoles(&a.open, int64(a.cfg.HoleTimeout))
	a.dropFragments(int64(a.cfg.FragmentTimeout))
	a.expireFlows(halfOpen, int64(a.cfg.HandshakeTimeout))
	a.expireFlows(fresh, int64(a.cfg.IdleTimeout))
	a.expireFlows(established, int64(a.cfg.IdleTimeout))
	a.expireFlows(closing, int64(a.cfg.CloseTimeout))
	a.expireFlows(unwanted, int64(a.cfg.IdleTimeout))
	a.expireFlows(closed, int64(a.cfg.TimeWait))
	a.due = a.clock.now + a.tick
}

func (a *Assembler) expireHoles(l *list.List[queue], timeout int64) {
	for q := l.First(); q != nil; q = l.First() {
		if a.clock.now-q.since < timeout {
			return
		}
		a.giveUp(q)
	}
}

func (a *Assembler) expireFlows(s state, timeout int64) {
	l := &a.lists[s]
	for l.head != 0 {
		index := l.head
		f := a.table.flow(index)
		if a.clock.now-f.since < timeout {
			return
		}
		if s.lives() && f.last > f.since && a.clock.now-f.last < timeout {
			a.move(f, index, s)
			continue
		}
		a.end(f, index, Idle)
	}
}

// evict makes room for one flow.
func (a *Assembler) evict() {
	for _, s := range [...]state{closed, halfOpen, fresh, unwanted, closing, established} {
		l := &a.lists[s]
		for l.head != 0 {
			index := l.head
			f := a.table.flow(index)
			if s.lives() && f.last > f.since && a.clock.now-f.last < second {
				a.move(f, index, s)
				continue
			}
			a.end(f, index, Evicted)
			return
		}
	}
}
