package reassembly

import "github.com/wstap/wstap/decode"

// A lookup finds the flow of a TCP packet, in two steps. Among many flows the
// memory of each has to come from far away; look asks for that of several
// packets, which comes at the same time, before the first of them is worked on.
type lookup struct {
	key   key
	hash  uint32
	index uint32 // of flow
	flow  *Flow  // most likely the packet's, as it was; an unused one if there is none
	from  uint8  // the end of key that sent the packet
	warm  uint8  // nothing
}

// look begins the look-up of p, in the address space of a tunnel or VLAN.
func (a *Assembler) look(p *decode.Packet, space uint32, l *lookup) {
	l.from, l.hash = l.key.set(p, space, &a.seed)
	a.probe(l)
	l.warm = l.flow.first + l.flow.half[0].flags // to read is to ask for: see Flow
}

// probe finds the flow of which the hash is known.
func (a *Assembler) probe(l *lookup) {
	l.index = a.table.probable(l.hash)
	l.flow = a.table.flow(l.index)
}
