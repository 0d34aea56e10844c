package websocket

import "github.com/wstap/wstap/reassembly"

// An Account says of everything of one kind that came in where it went: Total is
// the sum of Parts.
type Account struct {
	Name  string // what is counted
	Total uint64
	Parts []Part
}

// A Part is what went one way.
type Part struct {
	Name  string
	N     uint64
	Level bool // it is waiting, and may go down again
}

// Accounts returns the counters as accounts, packets first. What a Level names
// is nothing once the source has been read to its end.
func (s *Stats) Accounts() []Account {
	c, r := &s.Capture, &s.Reassembly
	left := func(name string, total uint64, parts ...uint64) Part {
		for _, n := range parts {
			total -= min(n, total)
		}
		return Part{Name: name, N: total, Level: true}
	}
	messages := s.Traffic[0].Messages() + s.Traffic[1].Messages()
	flows := []Part{{Name: "active", N: uint64(r.Active), Level: true}}
	for reason, n := range r.Ended {
		flows = append(flows, Part{Name: "ended: " + reassembly.Reason(reason).String(), N: n})
	}
	return []Account{
		{"packets received by filter", c.Received, []Part{
			{Name: "captured", N: c.Captured},
			{Name: "dropped by kernel", N: c.Dropped},
			{Name: "refused by a later filter", N: c.Skipped},
			left("in the ring", c.Received, c.Captured, c.Dropped, c.Skipped),
		}},
		{"packets captured", c.Captured + s.Aggregated, []Part{
			{Name: "not decoded", N: s.Undecoded},
			{Name: "decoded", N: r.Packets},
			left("on the way", c.Captured+s.Aggregated, s.Undecoded, r.Packets),
		}},
		{"packets decoded or put together", r.Packets + r.Reassembled, []Part{
			{Name: "TCP segments of a connection", N: r.Segments},
			{Name: "TCP segments of none", N: r.Stray},
			{Name: "IP fragments", N: r.Fragments},
			{Name: "other", N: r.Other},
		}},
		{"IP fragments", r.Fragments, []Part{
			{Name: "put together", N: r.FragmentUsed},
			{Name: "waiting", N: uint64(r.FragmentHeld), Level: true},
			{Name: "duplicate", N: r.FragmentDuplicate},
			{Name: "dropped", N: r.FragmentDropped},
		}},
		{"TCP connections", r.Flows, flows},
		{"TCP bytes", r.Bytes, []Part{
			{Name: "delivered", N: r.Delivered},
			{Name: "waiting behind a hole", N: r.Queued, Level: true},
			{Name: "urgent", N: r.Urgent},
			{Name: "of connections that are no WebSocket", N: r.Skipped},
			{Name: "duplicate", N: r.Duplicate},
			{Name: "late", N: r.Late},
			{Name: "outside of the window", N: r.Outside},
			{Name: "given up", N: r.Discarded},
		}},
		{"bytes delivered", r.Delivered, []Part{
			{Name: "HTTP", N: s.HTTPBytes},
			{Name: "frame headers", N: s.HeaderBytes},
			{Name: "frame payload", N: s.PayloadBytes},
			{Name: "skipped", N: s.SkippedBytes},
			{Name: "waiting to be read", N: s.HeldBytes, Level: true},
		}},
		{"messages", messages, []Part{
			{Name: "given out", N: s.Messages},
			{Name: "dropped", N: s.MessageDropped},
			left("on the way", messages, s.Messages, s.MessageDropped),
		}},
	}
}
