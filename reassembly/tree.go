package reassembly

// A tree holds units sorted by start. It is a red-black tree that turns and
// colours as Linux's does (lib/rbtree.c), because Linux looks for overlaps only
// on its way down: the shape of the tree decides which copy of a byte wins.
type tree struct {
	root *unit
}

// A node links a unit into a tree.
type node struct {
	parent, left, right *unit
	red                 bool
}

func (t *tree) first() *unit {
	u := t.root
	for u != nil && u.left != nil {
		u = u.left
	}
	return u
}

func (t *tree) last() *unit {
	u := t.root
	for u != nil && u.right != nil {
		u = u.right
	}
	return u
}

func (u *unit) following() *unit {
	if u.right != nil {
		u = u.right
		for u.left != nil {
			u = u.left
		}
		return u
	}
	for u.parent != nil && u == u.parent.right {
		u = u.parent
	}
	return u.parent
}

func (u *unit) preceding() *unit {
	if u.left != nil {
		u = u.left
		for u.right != nil {
			u = u.right
		}
		return u
	}
	for u.parent != nil && u == u.parent.left {
		u = u.parent
	}
	return u.parent
}

// before returns the last unit that starts before seq.
func (t *tree) before(seq uint32) *unit {
	var found *unit
	for u := t.root; u != nil; {
		if before(u.start, seq) {
			found, u = u, u.right
		} else {
			u = u.left
		}
	}
	return found
}

// point makes what pointed at u point at v.
func (t *tree) point(u, v *unit) {
	switch p := u.parent; {
	case p == nil:
		t.root = v
	case p.left == u:
		p.left = v
	default:
		p.right = v
	}
}

// replace puts v in u's place.
func (t *tree) replace(u, v *unit) {
	t.point(u, v)
	v.node = u.node
	if v.left != nil {
		v.left.parent = v
	}
	if v.right != nil {
		v.right.parent = v
	}
	u.node = node{}
}

func (t *tree) rotateLeft(u *unit) {
	v := u.right
	u.right = v.left
	if u.right != nil {
		u.right.parent = u
	}
	t.point(u, v)
	v.parent, v.left, u.parent = u.parent, u, v
}

func (t *tree) rotateRight(u *unit) {
	v := u.left
	u.left = v.right
	if u.left != nil {
		u.left.parent = u
	}
	t.point(u, v)
	v.parent, v.right, u.parent = u.parent, u, v
}

// insert puts u below parent, to its left or right.
func (t *tree) insert(u, parent *unit, left bool) {
	u.node = node{parent: parent, red: true}
	switch {
	case parent == nil:
		t.root = u
	case left:
		parent.left = u
	default:
		parent.right = u
	}
	for u.parent != nil && u.parent.red {
		p, g := u.parent, u.parent.parent
		uncle := g.left
		if uncle == p {
			uncle = g.right
		}
		if uncle != nil && uncle.red {
			p.red, uncle.red, g.red = false, false, true
			u = g
			continue
		}
		if p == g.left {
			if u == p.right {
				t.rotateLeft(p)
				p = u
			}
			t.rotateRight(g)
		} else {
			if u == p.left {
				t.rotateRight(p)
				p = u
			}
			t.rotateLeft(g)
		}
		p.red, g.red = false, true
		break
	}
	t.root.red = false
}

// remove takes u out.
func (t *tree) remove(u *unit) {
	child, parent, red := u.right, u.parent, u.red
	switch {
	case u.left == nil:
		t.point(u, u.right)
	case u.right == nil:
		child = u.left
		t.point(u, u.left)
	default: // its successor takes its place
		s := u.right
		for s.left != nil {
			s = s.left
		}
		child, parent, red = s.right, s.parent, s.red
		if parent == u {
			parent = s
		} else {
			t.point(s, child)
			if child != nil {
				child.parent = parent
			}
			s.right = u.right
			s.right.parent = s
		}
		t.point(u, s)
		s.left, s.parent, s.red = u.left, u.parent, u.red
		s.left.parent = s
	}
	if child != nil {
		child.parent = parent
	}
	u.node = node{}
	if !red {
		t.rebalance(child, parent)
	}
}

// rebalance repairs a tree in which the paths through u, a child of parent, have
// a black node too few.
func (t *tree) rebalance(u, parent *unit) {
	for u != t.root && (u == nil || !u.red) {
		left := u == parent.left
		s := parent.right
		if !left {
			s = parent.left
		}
		if s.red {
			s.red, parent.red = false, true
			if left {
				t.rotateLeft(parent)
				s = parent.right
			} else {
				t.rotateRight(parent)
				s = parent.left
			}
		}
		near, far := s.left, s.right
		if !left {
			near, far = far, near
		}
		if (near == nil || !near.red) && (far == nil || !far.red) {
			s.red = true
			u, parent = parent, parent.parent
			continue
		}
		if far == nil || !far.red {
			near.red, s.red = false, true
			if left {
				t.rotateRight(s)
			} else {
				t.rotateLeft(s)
			}
			s, far = near, s
		}
		s.red, parent.red, far.red = parent.red, false, false
		if left {
			t.rotateLeft(parent)
		} else {
			t.rotateRight(parent)
		}
		u = t.root
	}
	if u != nil {
		u.red = false
	}
}
