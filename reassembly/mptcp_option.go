package reassembly

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"

	"github.com/wstap/wstap/decode"
)

// Subtypes of the MPTCP option (RFC 8684, section 3).
const (
	optionMPTCP = 30
	mpCapable   = 0
	mpJoin      = 1
	mpDSS       = 2
)

// An mpOption is what the MPTCP options of one segment say.
type mpOption struct {
	capable, join, dss bool
	version            uint8
	keys               [2]uint64 // capable: the sender's and the receiver's
	known              [2]bool
	token              uint32 // join, on a SYN

	// Of capable and dss. Of data sequence numbers the low half is enough.
	acks    bool
	ack     uint32
	maps    bool
	initial bool   // the mapping is of the first data: dsn comes from the key
	dsn     uint32 // where the data stands in the connection
	ssn     uint32 // and in the subflow, from its initial number on
	n       uint32 // bytes; 0: from here on without end
	fin     bool
	finAt   uint32
}

// mptcp reads the MPTCP options of p; false: there is none.
func mptcp(p *decode.Packet) (m mpOption, ok bool) {
	if bytes.IndexByte(p.Options, optionMPTCP) < 0 { // of most
		return
	}
	be := binary.BigEndian
	for o := p.Options; ; {
		opt, more := o.Next()
		if !more {
			return m, ok
		}
		b := opt.Data
		if opt.Kind != optionMPTCP || len(b) < 2 {
			continue
		}
		switch b[0] >> 4 {
		case mpCapable:
			m.capable, m.version, ok = true, b[0]&0xf, true
			if len(b) >= 10 {
				m.keys[0], m.known[0] = be.Uint64(b[2:]), true
			}
			if len(b) >= 18 {
				m.keys[1], m.known[1] = be.Uint64(b[10:]), true
			}
			if len(b) >= 20 {
				m.maps, m.initial, m.ssn, m.n = true, true, 1, uint32(be.Uint16(b[18:]))
			}
		case mpJoin:
			m.join, ok = true, true
			if len(b) >= 10 {
				m.token = be.Uint32(b[2:])
			}
		case mpDSS:
			if m.dataSequence(b) {
				m.dss, ok = true, true
			}
		}
	}
}

// dataSequence reads a DSS option (RFC 8684, section 3.3).
func (m *mpOption) dataSequence(b []byte) bool {
	const hasAck, longAck, hasMap, longMap, hasFIN = 1, 2, 4, 8, 16
	be, flags := binary.BigEndian, b[1]
	b = b[2:]
	low := func(long byte) (n uint32, ok bool) {
		size := 4
		if flags&long != 0 {
			size = 8
		}
		if len(b) < size {
			return 0, false
		}
		n = be.Uint32(b[size-4:])
		b = b[size:]
		return n, true
	}
	if flags&hasAck != 0 {
		if m.ack, m.acks = low(longAck); !m.acks {
			return false
		}
	}
	if flags&hasMap == 0 {
		return true
	}
	dsn, ok := low(longMap)
	if !ok || len(b) < 6 {
		return false
	}
	m.dsn, m.ssn, m.n = dsn, be.Uint32(b), uint32(be.Uint16(b[4:]))
	m.maps = true
	if flags&hasFIN != 0 && m.n > 0 { // the FIN is the last of what is mapped
		m.n--
		m.fin, m.finAt = true, dsn+m.n
		m.maps = m.n > 0
	}
	return true
}

// fromKey returns the token that joins name a host by, and its initial data
// sequence number, without the high half (RFC 8684, section 3.1; RFC 6824).
func fromKey(key uint64, version uint8) (token, idsn uint32) {
	var b [8]byte
	be := binary.BigEndian
	be.PutUint64(b[:], key)
	if version == 0 {
		h := sha1.Sum(b[:])
		return be.Uint32(h[:]), be.Uint32(h[16:])
	}
	h := sha256.Sum256(b[:])
	return be.Uint32(h[:]), be.Uint32(h[28:])
}
