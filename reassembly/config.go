package reassembly

import "time"

// Config configures an Assembler; nil means the defaults, and so does the zero
// value of each field. Time-outs go by the times of packets; where those step
// back, or ahead by more than 30 days, their clock was set, and nothing times out
// for it. They are looked at with packets and at Assembler.Advance, and each may be
// late by an eighth of the shortest of them.
type Config struct {
	// MaxFlows is the number of connections kept, half-open ones and those
	// that just closed among them. Beyond it the least useful goes first:
	// closed, then half-open, then silent before active. 0: 524,288.
	MaxFlows int

	// MaxFlowBytes is the memory that out-of-order data of one connection may
	// take; beyond it its oldest hole is given up. 0: 4 MiB.
	MaxFlowBytes int
	// MaxBytes is the same for all connections together. 0: 128 MiB.
	MaxBytes int

	// MaxFragmentBytes is the memory that fragments of incomplete IP datagrams
	// may take; beyond it the oldest datagram is given
	// up. 0: 16 MiB.
	MaxFragmentBytes int

	// RecentBytes is the memory for the bytes that were delivered last, all
	// connections together; what is sent again is compared with them, to find
	// conflicts. 0: 1 MiB. Negative: none.
	RecentBytes int

	// HandshakeTimeout ends a connection whose handshake is not
	// answered or not finished. 0: 1 minute.
	HandshakeTimeout time.Duration
	// IdleTimeout ends an established connection on which nothing was seen,
	// not even a keep-alive. 0: 3 hours, which is longer than the interval of
	// keep-alives (RFC 9293, section 3.8.4: 2 hours).
	IdleTimeout time.Duration
	// CloseTimeout ends a half-closed connection on which nothing was seen.
	// 0: 2 minutes.
	CloseTimeout time.Duration
	// TimeWait is how long the ports of a closed connection are remembered, so
	// that late packets do not look like a new connection. 0: 30 seconds.
	TimeWait time.Duration

	// AckedHoleTimeout is how long a hole that the other side has acknowledged
	// past may still be filled, because a capture can show the two directions
	// out of step: as long as its buffers are held back, which live is some 10
	// ms. What follows the hole waits as long, and so does what the other side has
	// sent since it did. 0: 50 milliseconds.
	AckedHoleTimeout time.Duration
	// AckedHolePackets is the same, counted in packets of the connection.
	// 0: 65,536.
	AckedHolePackets int
	// HoleTimeout is how long a hole that nobody has acknowledged past may
	// still be filled; a retransmission can be that late. 0: 1 minute.
	HoleTimeout time.Duration
	// FragmentTimeout is how long an IP datagram may wait for its fragments.
	// 0: 30 seconds, as in Linux.
	FragmentTimeout time.Duration

	// UrgentInline leaves urgent bytes in the stream, as SO_OOBINLINE does.
	// Without it they are taken out, which is what applications see by default
	// (tcp(7)).
	UrgentInline bool

	// Tunnels are the encapsulations to look into. Connections inside are kept
	// apart by tunnel. 0: none; a capture on all interfaces of a host sees most
	// inner packets anyway, once more.
	Tunnels Tunnels
	// VXLANPorts are the UDP ports of VXLAN, besides 4790, which is GPE's. nil:
	// 4789, and 8472, which Linux used before.
	VXLANPorts []uint16
	// SeparateVLANs keeps connections of different VLANs apart. Without it a
	// packet seen with and without its tag is one packet seen twice.
	SeparateVLANs bool
}

// Defaults returns a copy of c with every zero replaced.
func (c *Config) Defaults() Config {
	var d Config
	if c != nil {
		d = *c
	}
	number := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	duration := func(v *time.Duration, def time.Duration) {
		if *v <= 0 {
			*v = def
		}
	}
	number(&d.MaxFlows, 1<<19)
	number(&d.MaxFlowBytes, 4<<20)
	number(&d.MaxBytes, 128<<20)
	duration(&d.HandshakeTimeout, time.Minute)
	duration(&d.IdleTimeout, 3*time.Hour)
	duration(&d.CloseTimeout, 2*time.Minute)
	duration(&d.TimeWait, 30*time.Second)
	if d.RecentBytes == 0 {
		d.RecentBytes = 1 << 20
	}
	duration(&d.AckedHoleTimeout, 50*time.Millisecond)
	number(&d.AckedHolePackets, 1<<16)
	duration(&d.HoleTimeout, time.Minute)
	number(&d.MaxFragmentBytes, 16<<20)
	duration(&d.FragmentTimeout, 30*time.Second)
	if d.VXLANPorts == nil {
		d.VXLANPorts = []uint16{4789, 8472}
	}
	return d
}
