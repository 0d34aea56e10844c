package store

import (
	"context"
	"iter"
	"math/bits"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/wstap/wstap/websocket"
)

// A View is the messages that a Filter wants, in the order in which they came. They
// are its rows, numbered from 0 on. It looks at messages when it is asked, at each one
// once, and remembers a bit of each.
type View struct {
	store *Store
	key   string
	id    uint64
	sieve *sieve

	mu         sync.Mutex
	parts      []part        // of blocks that were looked at and are still stored
	begin, end uint64        // rows that are stored
	next       uint64        // number of the message to be looked at next
	scan       chan struct{} // closed at the end of the scan that goes on; nil: there is none
	gone       bool
}

// A part is what a View knows of a block.
type part struct {
	first  uint64 // number of the block's first message
	before uint64 // rows before it
	rows   int
	bits   [maxRecords / 64]uint64 // of messages that are wanted
}

func newView(s *Store, f *Filter, id uint64) (*View, error) {
	sieve, err := f.compile()
	if err != nil {
		return nil, err
	}
	v := &View{store: s, key: f.key(), id: id, sieve: sieve, next: s.first()}
	if sieve.all() {
		v.begin = v.next - 1 // then a row's number says which message it is
		v.end = v.begin
	}
	return v, nil
}

// catchUp has the View look at all messages that there are now, and waits for that.
// It reports whether it was done in time. A search goes on in any case.
func (v *View) catchUp(ctx context.Context) bool {
	v.mu.Lock()
	target := v.store.end()
	if v.next >= target || v.gone {
		v.mu.Unlock()
		return !v.gone
	}
	done := v.scan
	if done == nil {
		done = make(chan struct{})
		v.scan = done
		go v.run(done, target)
	}
	v.mu.Unlock()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// run looks at messages up to a number.
func (v *View) run(done chan struct{}, target uint64) {
	defer close(done)
	for {
		if v.sieve.search {
			v.store.views.searching.Lock() // one at a time: the capture needs the processors more
		}
		more := v.step(target)
		if v.sieve.search {
			v.store.views.searching.Unlock()
		}
		if !more {
			return
		}
	}
}

// step looks at a part of what is left.
func (v *View) step(target uint64) (more bool) {
	v.mu.Lock()
	next := v.next
	v.mu.Unlock()
	p := v.store.piece(next)
	from := int(max(next, p.first) - p.first)
	var found [maxRecords / 64]uint64
	to := v.sieve.sift(&p, from, &found)

	v.mu.Lock()
	defer v.mu.Unlock()
	if next < p.first && v.sieve.all() {
		v.end += p.first - next
	}
	if len(v.parts) == 0 || v.parts[len(v.parts)-1].first != p.first {
		v.parts = append(v.parts, part{first: p.first, before: v.end})
	}
	at := &v.parts[len(v.parts)-1]
	for i, word := range found {
		at.bits[i] |= word
		at.rows += bits.OnesCount64(word)
		v.end += uint64(bits.OnesCount64(word))
	}
	v.next = p.first + uint64(to)
	v.prune()
	if v.next >= target || v.gone {
		v.scan = nil
		return false
	}
	return true
}

// prune forgets what the Store has forgotten.
func (v *View) prune() {
	first := v.store.first()
	n := 0
	for n < len(v.parts) && v.parts[n].first < first {
		n++
	}
	if n > 0 {
		v.parts = slices.Delete(v.parts, 0, n)
	}
	if v.begin = v.end; len(v.parts) > 0 {
		v.begin = v.parts[0].before
	}
}

// leave ends a scan.
func (v *View) leave() {
	v.mu.Lock()
	v.gone = true
	v.mu.Unlock()
}

// A Row is a message of a View.
type Row struct {
	N       uint64 // number of the row
	Number  uint64 // of the message
	Cut     int    // bytes at the end of the payload that were not kept
	Message websocket.Message
}

// A Page is a part of a View.
type Page struct {
	View       uint64 // changes when rows are numbered anew, because the View was forgotten
	Begin, End uint64 // rows that are stored
	Searched   bool   // End is that of all messages that there are
	Rows       []Row
}

// Rows returns at most limit rows from the one with the number offset on, or from that
// far before the end if it is negative. It waits for a search until ctx is done.
func (v *View) Rows(ctx context.Context, offset int64, limit int) Page {
	page := Page{View: v.id, Searched: v.catchUp(ctx)}
	v.mu.Lock()
	v.prune()
	page.Begin, page.End = v.begin, v.end
	at := uint64(max(offset, 0))
	if offset < 0 {
		at = v.end - min(v.end, uint64(-offset))
	}
	at = max(at, v.begin)
	var places []Row
	for i := v.partOf(at); i < len(v.parts) && len(places) < limit; i++ {
		p := &v.parts[i]
		skip := int(max(at, p.before) - p.before)
		for j := range p.each(skip) {
			if len(places) == limit {
				break
			}
			places = append(places, Row{N: max(at, p.before), Number: p.first + uint64(j)})
			at = places[len(places)-1].N + 1
		}
	}
	v.mu.Unlock()
	page.Rows = v.store.fill(places)
	return page
}

// partOf returns which part holds a row, or the next one.
func (v *View) partOf(row uint64) int {
	return sort.Search(len(v.parts), func(i int) bool { return v.parts[i].before+uint64(v.parts[i].rows) > row })
}

// each yields the places in the block of the rows, but for the first ones.
func (p *part) each(skip int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range p.bits {
			if n := bits.OnesCount64(word); n <= skip {
				skip -= n
				continue
			}
			for ; word != 0; word &= word - 1 {
				if skip > 0 {
					skip--
					continue
				}
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// fill gets the messages of rows. Those that were forgotten meanwhile are left out.
func (s *Store) fill(rows []Row) []Row {
	var p piece
	kept := rows[:0]
	for _, r := range rows {
		if r.Number < p.first || r.Number >= p.end() {
			p = s.piece(r.Number)
		}
		if r.Number < p.first || r.Number >= p.end() {
			continue
		}
		i := int(r.Number - p.first)
		p.message(i, &r.Message)
		r.Cut = p.cut(i)
		kept = append(kept, r)
	}
	return kept
}

// RowOf returns the number of the row of a message, or of the next one.
func (v *View) RowOf(ctx context.Context, number uint64) uint64 {
	v.catchUp(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.prune()
	return v.rank(number)
}

// rank is RowOf what was looked at.
func (v *View) rank(number uint64) uint64 {
	i := sort.Search(len(v.parts), func(i int) bool { return v.parts[i].first > number }) - 1
	if i < 0 {
		return v.begin
	}
	p := &v.parts[i]
	row := p.before
	upTo := int(min(number-p.first, maxRecords))
	for _, word := range p.bits[:upTo/64] {
		row += uint64(bits.OnesCount64(word))
	}
	if upTo%64 > 0 {
		row += uint64(bits.OnesCount64(p.bits[upTo/64] & (1<<(upTo%64) - 1)))
	}
	return row
}

// RowAt returns the number of the first row that is not before a time.
func (v *View) RowAt(ctx context.Context, t time.Time) uint64 {
	v.catchUp(ctx)
	at := nanosOf(t.Unix(), int64(t.Nanosecond()))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.prune()
	for i := range v.parts {
		part := &v.parts[i]
		p := v.store.piece(part.first)
		if p.first != part.first || p.max < at || part.rows == 0 {
			continue
		}
		for j := range part.each(0) {
			if p.records[j].nanos() >= at {
				return v.rank(p.first + uint64(j))
			}
		}
	}
	return v.end
}

// Messages yields the messages that are stored now, each lent until the next one. The
// error, which comes last, is that of ctx, or ErrForgotten where one of them had to go
// before its turn.
func (v *View) Messages(ctx context.Context) iter.Seq2[*websocket.Message, error] {
	return func(yield func(*websocket.Message, error) bool) {
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
			p := v.store.piece(part.first)
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
				if !yield(&m, nil) {
					return
				}
			}
		}
	}
}
