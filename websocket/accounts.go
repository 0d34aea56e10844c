package websocket

import "github.com/wstap/wstap/reassembly"

// An Account says of everything of one kind that came in where it went: Total is
// the sum of Parts.
type Account struct {
	ID    string // stays the same from version to version: a label for counters
	Name  string // what is counted, in English
	Total uint64
	Parts []Part
}

// A Part is what went one way.
type Part struct {
	ID    string // as the Account's, unique within it
	Name  string // in English
	N     uint64
	Level bool // it is waiting, and may go down again
}

// Accounts returns the counters as accounts, packets first. What a Level names
// is nothing once the source has been read to its end.
func (s *Stats) Accounts() []Account {
	c, r := &s.Capture, &s.Reassembly
	left := func(id, name string, total uint64, parts ...uint64) Part {
		for _, n := range parts {
			total -= min(n, total)
		}
		return Part{ID: id, Name: name, N: total, Level: true}
	}
	messages := s.Traffic[0].Messages() + s.Traffic[1].Messages()
	flows := []Part{{ID: "active", Name: "active", N: uint64(r.Active), Level: true}}
	for reason, n := range r.Ended {
		flows = append(flows, Part{ID: "ended_" + reassembly.Reason(reason).String(), Name: "ended: " + reassembly.Reason(reason).String(), N: n})
	}
	return []Account{
		{"packets_received", "packets received by filter", c.Received, []Part{
			{ID: "captured", Name: "captured", N: c.Captured},
			{ID: "kernel_dropped", Name: "dropped by kernel", N: c.Dropped},
			{ID: "refiltered", Name: "refused by a later filter", N: c.Skipped},
			left("in_ring", "in the ring", c.Received, c.Captured, c.Dropped, c.Skipped),
		}},
		{"packets_captured", "packets captured", c.Captured + s.Aggregated, []Part{
			{ID: "undecoded", Name: "not decoded", N: s.Undecoded},
			{ID: "decoded", Name: "decoded", N: r.Packets},
			left("in_transit", "on the way", c.Captured+s.Aggregated, s.Undecoded, r.Packets),
		}},
		{"packets_decoded", "packets decoded or put together", r.Packets + r.Reassembled, []Part{
			{ID: "segments", Name: "TCP segments of a connection", N: r.Segments},
			{ID: "stray_segments", Name: "TCP segments of none", N: r.Stray},
			{ID: "fragments", Name: "IP fragments", N: r.Fragments},
			{ID: "other", Name: "other", N: r.Other},
		}},
		{"fragments", "IP fragments", r.Fragments, []Part{
			{ID: "reassembled", Name: "put together", N: r.FragmentUsed},
			{ID: "waiting", Name: "waiting", N: uint64(r.FragmentHeld), Level: true},
			{ID: "duplicate", Name: "duplicate", N: r.FragmentDuplicate},
			{ID: "dropped", Name: "dropped", N: r.FragmentDropped},
		}},
		{"tcp_connections", "TCP connections", r.Flows, flows},
		{"tcp_bytes", "TCP bytes", r.Bytes, []Part{
			{ID: "delivered", Name: "delivered", N: r.Delivered},
			{ID: "queued", Name: "waiting behind a hole", N: r.Queued, Level: true},
			{ID: "urgent", Name: "urgent", N: r.Urgent},
			{ID: "skipped", Name: "of connections that are no WebSocket", N: r.Skipped},
			{ID: "duplicate", Name: "duplicate", N: r.Duplicate},
			{ID: "late", Name: "late", N: r.Late},
			{ID: "out_of_window", Name: "outside of the window", N: r.Outside},
			{ID: "given_up", Name: "given up", N: r.Discarded},
		}},
		{"tls_bytes", "bytes of TLS", s.TLS.Bytes, []Part{
			{ID: "opened", Name: "opened", N: s.TLS.Opened},
			{ID: "overhead", Name: "handshakes and overhead", N: s.TLS.Overhead},
			{ID: "without_keys", Name: "without keys", N: s.TLS.NoKeys},
			{ID: "lost", Name: "of records that were not captured whole", N: s.TLS.Lost},
			{ID: "waiting", Name: "waiting for keys or for more", N: s.TLS.Waiting, Level: true},
			{ID: "refused", Name: "not verified, or not wanted", N: s.TLS.Refused},
		}},
		{"delivered_bytes", "bytes delivered, or opened", r.Delivered + s.TLS.Opened, []Part{
			{ID: "tls", Name: "TLS", N: s.TLS.Bytes},
			{ID: "http", Name: "HTTP", N: s.HTTPBytes},
			{ID: "frame_headers", Name: "frame headers", N: s.HeaderBytes},
			{ID: "frame_payload", Name: "frame payload", N: s.PayloadBytes},
			{ID: "draft", Name: "of drafts before RFC 6455", N: s.DraftBytes},
			{ID: "skipped", Name: "skipped", N: s.SkippedBytes},
			{ID: "held", Name: "waiting to be read", N: s.HeldBytes, Level: true},
		}},
		{"messages", "messages", messages, []Part{
			{ID: "given_out", Name: "given out", N: s.Messages},
			{ID: "dropped", Name: "dropped", N: s.MessageDropped},
			{ID: "unselected", Name: "not selected", N: s.Unselected},
			left("in_transit", "on the way", messages, s.Messages, s.MessageDropped, s.Unselected),
		}},
	}
}
