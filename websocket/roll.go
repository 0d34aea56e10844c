package websocket

import (
	"cmp"
	"iter"
	"slices"
)

// A roll holds the sockets that were told and have not ended, in any order, close
// together: it is copied while nobody can work. After a peak it is made smaller. The
// zero roll is empty.
type roll struct{ sockets []*socket }

func (r *roll) Len() int { return len(r.sockets) }

func (r *roll) add(k *socket) {
	r.sockets = append(r.sockets, k)
	k.place = len(r.sockets)
}

// remove removes k, if it is there.
func (r *roll) remove(k *socket) {
	if k.place == 0 {
		return
	}
	last := len(r.sockets) - 1
	r.sockets[k.place-1] = r.sockets[last]
	r.sockets[k.place-1].place = k.place
	r.sockets[last] = nil
	r.sockets = r.sockets[:last]
	k.place = 0
	if n := cap(r.sockets); n > 1024 && last < n/4 {
		r.sockets = append(make([]*socket, 0, n/2), r.sockets...)
	}
}

// ConnStats tells of a connection that goes on.
type ConnStats struct {
	Conn    *Conn
	Closing []Closing // as in End
	Counts  [2]Counts // what each side sent so far, by Direction
}

// Conns yields the connections that were told and have not ended, in the order of
// their numbers. It may be called from any goroutine at any time, and the work goes
// on meanwhile: each is told as it is when its turn comes, one that began later is
// left out, and one that has ended by then too.
func (t *Tap) Conns() iter.Seq[ConnStats] {
	return func(yield func(ConnStats) bool) {
		pipes := t.pipelines()
		var all []*socket
		for _, p := range pipes {
			p.mu.Lock()
			n := p.told.Len()
			p.mu.Unlock()
			all = slices.Grow(all, n+n/8) // not while it is locked
			p.mu.Lock()
			all = append(all, p.told.sockets...)
			p.mu.Unlock()
		}
		slices.SortFunc(all, func(a, b *socket) int { return cmp.Compare(a.info.Number, b.info.Number) })
		var some [16]ConnStats
		for turn := range slices.Chunk(all, len(some)) {
			for _, p := range pipes {
				p.mu.Lock()
				for i, k := range turn {
					if k.p == p {
						some[i] = k.stats()
					}
				}
				p.mu.Unlock()
			}
			for i := range turn {
				if some[i].Conn != nil && !yield(some[i]) {
					return
				}
			}
		}
	}
}

// stats returns nothing where k has ended or is not wanted.
func (k *socket) stats() (s ConnStats) {
	if k.place == 0 || k.unwanted {
		return s
	}
	if k.p.unseen && !k.judged {
		k.info.judge()
		k.judged = true
	}
	s.Conn = k.info
	s.Closing = slices.Clone(k.closed())
	s.Counts = k.both()
	return s
}
