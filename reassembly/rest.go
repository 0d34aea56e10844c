package reassembly

// A rest is what a Flow of IPv4 does without as long as nothing is odd about it.
// Flows of IPv6 have one always, for the other parts of their key.
type rest struct {
	hi     [2]uint64
	ports  [2]uint16
	reopen uint32    // valid iff reopening or answered: the initial sequence number
	fin    [2]uint32 // by side, as are those that follow: valid iff fin or strange
	mark   [2]uint32 // valid iff urgent; iff reset: the number of the reset
	queue  [2]*queue
}

// needRest returns f's rest, which it makes if there is none.
func (a *Assembler) needRest(f *Flow) *rest {
	if f.rest == nil {
		f.rest = a.table.newRest()
	}
	return f.rest
}

// dropRest does without the rest of a flow that has ended if it can.
func (a *Assembler) dropRest(f *Flow) {
	if f.space&1 == 0 && f.flags&(reopening|answered) == 0 {
		a.table.freeRest(f)
	}
}

func (t *table) newRest() *rest {
	n := len(t.rests)
	if n == 0 {
		return new(rest)
	}
	r := t.rests[n-1]
	t.rests = t.rests[:n-1]
	return r
}

func (t *table) freeRest(f *Flow) {
	r := f.rest
	if r == nil {
		return
	}
	f.rest = nil
	if len(t.rests) < maxSpares {
		*r = rest{}
		t.rests = append(t.rests, r)
	}
}

// queue returns what side sent beyond a hole; nil: nothing.
func (f *Flow) queue(side int) *queue {
	if f.rest == nil {
		return nil
	}
	return f.rest.queue[side]
}

// fin returns the number of a side's FIN.
func (f *Flow) fin(side int) (n uint32) {
	if f.rest != nil {
		n = f.rest.fin[side]
	}
	return n
}

// mark returns the number of a side's urgent byte, or reset.
func (f *Flow) mark(side int) (n uint32) {
	if f.rest != nil {
		n = f.rest.mark[side]
	}
	return n
}

// reopen returns the initial sequence number of a SYN that may begin the flow anew.
func (f *Flow) reopen() (n uint32) {
	if f.rest != nil {
		n = f.rest.reopen
	}
	return n
}
