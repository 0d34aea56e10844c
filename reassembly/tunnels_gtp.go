package reassembly

const gtpPort = 2152

// gtp reads the header of a G-PDU (3GPP TS 29.281, section 5). Each direction
// has a number of its own, and it changes where a phone moves on, so all that
// GTP carries is one network.
func (t *tunnel) gtp() bool {
	const version1, extended, optional, gpdu = 0x30, 4, 7, 255
	if len(t.b) < 8 || t.b[0]&0xf0 != version1 || t.b[1] != gpdu || 8+int(t.u16(2)) > t.wire {
		return false
	}
	n := 8
	if t.b[0]&optional != 0 { // any of the three flags makes room for all of their fields
		if n += 4; len(t.b) < n {
			return false
		}
		for next := t.b[n-1]; next != 0 && t.b[0]&extended != 0; next = t.b[n-1] {
			if len(t.b) <= n {
				return false
			}
			size := int(t.b[n]) * 4
			if n += size; size == 0 || len(t.b) < n {
				return false
			}
		}
	}
	return (t.ip(n) || t.frame(n)) && t.of(GTP)
}
