package reassembly

const genevePort = 6081

// geneve reads a Geneve header (RFC 8926, section 3.4). Options may say anything
// and change nothing of what is inside; what has the O bit is not for users.
func (t *tunnel) geneve() bool {
	const control = 0x80
	if len(t.b) < 8 || t.b[0]>>6 != 0 || t.b[1]&control != 0 {
		return false
	}
	t.id = t.u32(4) >> 8
	return t.etherType(Geneve, t.u16(2), 8+int(t.b[0]&0x3f)*4)
}
