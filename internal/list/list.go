// Package list has a doubly linked list whose links lie in the items, so that an
// item leaves it in constant time and nothing is allocated.
package list

// A Node is an item's place in a list, a field of the item. An item that is to be
// in two lists has two. The zero Node is in none.
type Node[T any] struct {
	prev, next *Node[T]
	item       *T
	in         *List[T] // nil: in none
}

// A List holds items from the first to the last. The zero List is empty.
type List[T any] struct {
	first, last *Node[T]
	n           int
}

// Len returns the number of items.
func (l *List[T]) Len() int { return l.n }

// First returns the first item, nil where there is none.
func (l *List[T]) First() *T { return l.first.get() }

// Last returns the last item, nil where there is none.
func (l *List[T]) Last() *T { return l.last.get() }

// PushBack puts an item, whose field n is and which is in no list, at the end.
func (l *List[T]) PushBack(item *T, n *Node[T]) {
	n.item, n.in = item, l
	n.prev, n.next = l.last, nil
	if l.last != nil {
		l.last.next = n
	} else {
		l.first = n
	}
	l.last = n
	l.n++
}

// MoveToBack puts an item that is in the list at its end.
func (l *List[T]) MoveToBack(n *Node[T]) {
	if l.last == n {
		return
	}
	item := n.item
	n.Remove()
	l.PushBack(item, n)
}

// Remove takes the item out of its list, if it is in one.
func (n *Node[T]) Remove() {
	l := n.in
	if l == nil {
		return
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		l.first = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		l.last = n.prev
	}
	l.n--
	*n = Node[T]{}
}

// Linked says that the item is in a list.
func (n *Node[T]) Linked() bool { return n.in != nil }

// Next returns the item behind this one, nil where it is the last.
func (n *Node[T]) Next() *T { return n.next.get() }

// Prev returns the item before this one, nil where it is the first.
func (n *Node[T]) Prev() *T { return n.prev.get() }

func (n *Node[T]) get() *T {
	if n == nil {
		return nil
	}
	return n.item
}
