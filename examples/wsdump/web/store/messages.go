package store

import (
	"context"
	"iter"
	"slices"

	"github.com/wstap/wstap/websocket"
)

// Messages yields the messages that a Filter wants and that are stored now, each lent
// until the next one. One whose end was not kept is Truncated. The error that comes last is that of ctx, or ErrForgotten where
// one of them had to go before its turn. The other one is that of the Filter.
func (s *Store) Messages(ctx context.Context, f *Filter) (iter.Seq2[*websocket.Message, error], error) {
	if _, err := f.compile(); err != nil {
		return nil, err
	}
	return func(yield func(*websocket.Message, error) bool) {
		v, err := newView(s, f, 0) // others may come and go meanwhile
		if err != nil {
			yield(nil, err)
			return
		}
		defer v.leave()
		if !v.catchUp(ctx) {
			yield(nil, context.Cause(ctx))
			return
		}
		v.mu.Lock()
		v.prune()
		parts := slices.Clone(v.parts)
		v.mu.Unlock()
		var m websocket.Message
		for i := range parts {
			part := &parts[i]
			p := s.piece(part.first)
			if part.rows > 0 && p.first != part.first {
				yield(nil, ErrForgotten)
				return
			}
			for j := range part.each(0) {
				if ctx.Err() != nil {
					yield(nil, context.Cause(ctx))
					return
				}
				p.message(j, &m)
				m.Truncated = m.Truncated || p.cut(j) > 0
				if !yield(&m, nil) {
					return
				}
			}
		}
	}, nil
}
