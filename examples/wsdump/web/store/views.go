package store

import (
	"slices"
	"sync"
)

// maxViews is how many views are remembered.
const maxViews = 8

// views are those that were asked for last.
type views struct {
	store     *Store
	searching sync.Mutex // held while payloads are looked at

	mu     sync.Mutex
	list   []*View // the last that was asked for last
	made   uint64
	closed bool
}

func (vs *views) init(s *Store) { vs.store = s }

// View returns the View of a Filter. The error is that of a pattern that cannot be
// compiled, as of [websocket.Selection.Compile].
func (s *Store) View(f *Filter) (*View, error) {
	vs := &s.views
	vs.mu.Lock()
	defer vs.mu.Unlock()
	key := f.key()
	if i := slices.IndexFunc(vs.list, func(v *View) bool { return v.key == key }); i >= 0 {
		v := vs.list[i]
		vs.list = append(slices.Delete(vs.list, i, i+1), v)
		return v, nil
	}
	v, err := newView(s, f, vs.made+1)
	if err != nil {
		return nil, err
	}
	vs.made++
	v.gone = vs.closed
	if len(vs.list) == maxViews {
		vs.list[0].leave()
		vs.list = slices.Delete(vs.list, 0, 1)
	}
	vs.list = append(vs.list, v)
	return v, nil
}

func (vs *views) close() {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.closed = true
	for _, v := range vs.list {
		v.leave()
	}
}

// end is the number of the next message.
func (s *Store) end() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}
