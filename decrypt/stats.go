package decrypt

import (
	"cmp"
	"maps"
	"slices"
)

// Stats are the counters of an [Opener].
//
//	Bytes = Opened + Overhead + NoKeys + Lost + Waiting + Refused + Unwanted
type Stats struct {
	Bytes    uint64 // of TLS, that connections were given
	Opened   uint64 // content that was given on
	Overhead uint64 // records' headers, padding and tags, handshakes and alerts
	NoKeys   uint64 // without secrets, or of a version or cipher suite that is not opened
	Lost     uint64 // parts of records of which others were lost to the capture
	Waiting  uint64 // for their secrets, or for the rest of a record: goes down again
	Refused  uint64 // did not verify, or were refused by the server (0-RTT)
	Unwanted uint64 // came when nobody wanted them any more

	Conns       uint64 // TLS connections
	Active      uint64 // those of them that have not ended
	OpenedConns uint64 // from which something was given on

	// Connections that ended, or were given up, and were not opened.
	KeylessConns     uint64 // the log has no secrets
	LateConns        uint64 // joined after the handshake, and no secret of the log fits
	OldConns         uint64 // SSL, TLS 1.0 and 1.1
	UnsupportedConns uint64 // of another version or cipher suite

	// Unopened are those connections by server name, the most frequent first, and
	// with an empty one those that told no name. At most 16, and those that
	// are left out in MoreUnopened.
	Unopened     []NameCount
	MoreUnopened uint64
}

// A NameCount counts the connections to a server.
type NameCount struct {
	Name  string
	Conns uint64
}

// Add adds what another Opener counted.
func (s *Stats) Add(o *Stats) {
	s.Bytes += o.Bytes
	s.Opened += o.Opened
	s.Overhead += o.Overhead
	s.NoKeys += o.NoKeys
	s.Lost += o.Lost
	s.Waiting += o.Waiting
	s.Refused += o.Refused
	s.Unwanted += o.Unwanted
	s.Conns += o.Conns
	s.Active += o.Active
	s.OpenedConns += o.OpenedConns
	s.KeylessConns += o.KeylessConns
	s.LateConns += o.LateConns
	s.OldConns += o.OldConns
	s.UnsupportedConns += o.UnsupportedConns
	s.MoreUnopened += o.MoreUnopened
	if len(o.Unopened) > 0 {
		var n names
		for _, c := range slices.Concat(s.Unopened, o.Unopened) {
			n.add(c.Name, c.Conns)
		}
		s.Unopened = n.list()
		s.MoreUnopened += n.more
	}
}

// Stats returns the counters so far.
func (o *Opener) Stats() Stats {
	s := o.stats
	if o.names.changed {
		o.names.changed = false
		o.names.told = o.names.list()
	}
	s.Unopened, s.MoreUnopened = o.names.told, o.names.more
	return s
}

// maxNames is how many server names are told.
const maxNames = 16

// names counts connections by server name, for a bounded number of names.
type names struct {
	count   map[string]uint64
	more    uint64 // of names that found no room
	changed bool
	told    []NameCount
}

func (n *names) add(name string, conns uint64) {
	n.changed = true
	if _, known := n.count[name]; !known && len(n.count) >= maxNames {
		n.more += conns
		return
	}
	if n.count == nil {
		n.count = make(map[string]uint64)
	}
	n.count[name] += conns
}

func (n *names) list() []NameCount {
	all := make([]NameCount, 0, len(n.count))
	for _, name := range slices.Sorted(maps.Keys(n.count)) {
		all = append(all, NameCount{name, n.count[name]})
	}
	slices.SortStableFunc(all, func(a, b NameCount) int { return cmp.Compare(b.Conns, a.Conns) })
	return all
}
