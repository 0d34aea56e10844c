package reassembly

const lispPort = 4341

// lisp reads the header of a LISP data packet (RFC 9300, section 5.3). The
// instance, where there is one, is the network inside.
func (t *tunnel) lisp() bool {
	const instance = 0x08
	if len(t.b) < 8 {
		return false
	}
	if t.b[0]&instance != 0 {
		t.id = t.u32(4) >> 8
	}
	return t.ip(8) && t.of(LISP)
}
