package reassembly

import "github.com/wstap/wstap/decode"

// short takes what nearly all packets are: data that is expected, captured whole, or
// an acknowledgment of what was delivered, of a flow in use about which nothing needs
// care. It does of it what [Assembler.take] does, in one piece and on what is at hand
// already, which takes half the instructions (BenchmarkManyFlowsBatch). Of any other packet
// it changes nothing and returns false.
func (a *Assembler) short(p *decode.Packet, l *lookup) bool {
	f, n := l.flow, p.PayloadLen
	if !p.TCP || p.Flags&^usual != 0 || len(p.Payload) != n || !f.usual() || !f.equal(&l.key) {
		return false
	}
	c := &a.clock
	now := p.Time.UnixNano() + c.offset
	if now < c.now || now >= a.due || c.behind || now-f.last >= int64(a.cfg.IdleTimeout) {
		return false
	}
	side := int(f.first ^ l.from)
	h, o := &f.half[0], &f.half[1]
	if side != 0 {
		h, o = o, h
	}
	if n > 0 && (p.Seq != h.next || f.flags&waiting != 0 || h.flags&(fin|urgent|seen) != seen) {
		return false
	}
	if edge := p.Ack + uint32(p.Window)<<(h.scale&31); p.Flags&decode.ACK != 0 && (p.Ack != h.ack || edge != h.edge || h.flags&acks == 0) {
		// See acknowledge, for an exact number and nothing that was not seen.
		if p.Seq != h.next || h.flags&o.flags&seen == 0 || h.flags&acks == 0 || o.next-p.Ack > maxAhead || before(p.Ack, h.ack) {
			return false
		}
		if before(h.edge, edge) {
			h.edge = edge
		}
		h.ack = p.Ack
	}
	c.now = now
	a.stats.Packets++
	a.stats.Segments++
	a.touch(f, l.index)
	if n > 0 {
		a.stats.Bytes += uint64(n)
		if f.consumer == nil { // it is the first
			h.next += uint32(n)
			a.deliver(f, l.index, side, p.Payload, p.Time)
			return true
		}
		a.stats.Delivered += uint64(n)
		h.offset += int64(n)
		h.record = a.recent.add(owner(l.index, side), h.record, h.next, p.Payload)
		h.next += uint32(n)
		f.consumer.Data(f.direction(side), p.Payload, p.Time)
	}
	return true
}

// shortNew is short for the packets of a flow that one before them began after they
// were looked up.
func (a *Assembler) shortNew(p *decode.Packet, l *lookup) bool {
	if l.index != 0 || !p.TCP || p.Flags&decode.SYN != 0 {
		return false
	}
	a.probe(l)
	return a.short(p, l)
}
