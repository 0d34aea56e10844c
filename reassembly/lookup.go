package reassembly

import "github.com/wstap/wstap/decode"

// A lookup finds the flow of a TCP packet, in two steps. Among many flows the
// memory of each has to come from far away; look asks for that of several
// packets, which come at the same time, before the first of them is worked on.
type lookup struct {
	key   key
	hash  uint32
	index uint32 // the flow, most likely, or 0
	from  uint8  // the end of key that sent the packet
	warm  uint8  // nothing
}

// look begins the look-up of p.
func (a *Assembler) look(p *decode.Packet, l *lookup) {
	if p.TCP {
		a.lookIn(p, a.vlanSpace(p), l)
	}
}

// lookIn is look in the address space of a tunnel or VLAN.
func (a *Assembler) lookIn(p *decode.Packet, space uint32, l *lookup) {
	l.from = l.key.set(p, space)
	l.hash = l.key.hash(&a.seed)
	l.index = a.table.probable(l.hash)
	f := a.table.flow(l.index)
	l.warm = f.flags + f.half[0].flags + f.half[1].flags // to read is to ask for
}

// find returns the flow as it is by now; nil: there is none.
func (a *Assembler) find(l *lookup) (*Flow, uint32) {
	if f := a.table.flow(l.index); f.state != free && f.equal(&l.key) {
		return f, l.index
	}
	return a.table.find(&l.key, l.hash)
}
