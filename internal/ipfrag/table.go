// Package ipfrag has what there is to know of IP fragments (RFC 791, section 3.2; RFC
// 8200, section 4.5): a [Table] of datagrams of which not all came, the [Datagram] that
// puts one together by the rules of Linux, and the [Sorter] that says which connection
// fragments belong to, of which only the first has ports.
package ipfrag

import (
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/list"
)

// A Key names the datagram that a fragment belongs to.
type Key struct {
	src, dst [16]byte
	id       uint32
	space    uint32 // of addresses; bit 0: IPv6
	proto    uint8  // IPv6 leaves it out
}

// KeyOf returns the Key of the fragment p in a space of addresses, which has 31 bits.
func KeyOf(p *decode.Packet, space uint32) Key {
	k := Key{p.Src().Addr().As16(), p.Dst().Addr().As16(), p.FragmentID, space << 1, p.Proto}
	if p.IPVersion == 6 {
		k.space |= 1
		k.proto = 0
	}
	return k
}

// A Table holds what its user knows of datagrams, the oldest first. The zero Table is
// empty.
type Table[T any] struct {
	entries map[Key]*Entry[T]
	ages    list.List[Entry[T]]
	memory  int
}

// An Entry is a datagram in a Table.
type Entry[T any] struct {
	Value  T
	Since  int64 // when it was added, in nanoseconds of the caller's clock
	Memory int   // bytes charged

	key  Key
	node list.Node[Entry[T]]
}

// Get returns a datagram, nil if there is none.
func (t *Table[T]) Get(k Key) *Entry[T] { return t.entries[k] }

// Add adds a datagram that is not there.
func (t *Table[T]) Add(k Key, now int64) *Entry[T] {
	if t.entries == nil {
		t.entries = map[Key]*Entry[T]{}
	}
	e := &Entry[T]{Since: now, key: k}
	t.entries[k] = e
	t.ages.PushBack(e, &e.node)
	return e
}

// Charge counts bytes of memory for a datagram.
func (t *Table[T]) Charge(e *Entry[T], bytes int) {
	e.Memory += bytes
	t.memory += bytes
}

// Remove takes a datagram out, and its memory with it.
func (t *Table[T]) Remove(e *Entry[T]) {
	delete(t.entries, e.key)
	e.node.Remove()
	t.memory -= e.Memory
}

// Oldest returns the datagram that was added first, nil if there is none.
func (t *Table[T]) Oldest() *Entry[T] { return t.ages.First() }

// Len returns the number of datagrams.
func (t *Table[T]) Len() int { return t.ages.Len() }

// Memory returns the bytes charged for all datagrams.
func (t *Table[T]) Memory() int { return t.memory }
