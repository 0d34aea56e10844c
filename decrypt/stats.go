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

	// Connections of which nothing was opened, by what is known of that so far: one
	// whose secrets come late is none of them any more.
	KeylessConns     uint64 // the log has no secrets
	LateConns        uint64 // joined after the handshake, and no secret of the log fits
	Late12Conns      uint64 // the same, known to be TLS 1.2, for which secrets are not enough
	HelloLostConns   uint64 // TLS 1.2 whose ServerHello was not captured: the same
	OldConns         uint64 // SSL, TLS 1.0 and 1.1
	UnsupportedConns uint64 // of another version or cipher suite
	UnverifiedConns  uint64 // records do not verify, or are none

	// Unopened are those connections by server name, the most frequent first, and
	// with an empty one those that told no name. At most 16, and those that
	// are left out in MoreUnopened.
	Unopened     []NameCount
	MoreUnopened uint64

	// Unsupported are the versions and cipher suites of UnsupportedConns, as "TLS 1.2
	// 0xC010". At most 16.
	Unsupported []NameCount
}

// A NameCount counts connections.
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
	for v := noSecrets; v < verdicts; v++ {
		*s.conns(v) += *o.conns(v)
	}
	s.MoreUnopened += o.MoreUnopened
	more := uint64(0)
	s.Unopened, more = merge(s.Unopened, o.Unopened)
	s.MoreUnopened += more
	s.Unsupported, _ = merge(s.Unsupported, o.Unsupported)
}

// merge adds counts, and returns how many found no room.
func merge(a, b []NameCount) ([]NameCount, uint64) {
	if len(b) == 0 {
		return a, 0
	}
	var n names
	for _, c := range slices.Concat(a, b) {
		n.add(c.Name, c.Conns)
	}
	return n.list(), n.more
}

// Stats returns the counters so far.
func (o *Opener) Stats() Stats {
	s := o.stats
	if o.names.changed {
		o.names.changed = false
		o.names.told, o.others.told = o.names.list(), o.others.list()
	}
	s.Unopened, s.MoreUnopened, s.Unsupported = o.names.told, o.names.more, o.others.told
	return s
}

// maxNames is how many names are told.
const maxNames = 16

// names counts connections by a name, for a bounded number of names.
type names struct {
	count   map[string]uint64
	more    uint64 // of names that found no room
	changed bool
	told    []NameCount
}

func (n *names) add(name string, conns uint64) {
	if _, known := n.count[name]; !known && len(n.count) >= maxNames {
		n.more += conns
		return
	}
	if n.count == nil {
		n.count = make(map[string]uint64)
	}
	n.count[name] += conns
}

// remove takes back an add.
func (n *names) remove(name string) {
	switch n.count[name] {
	case 0:
		n.more--
	case 1:
		delete(n.count, name)
	default:
		n.count[name]--
	}
}

func (n *names) list() []NameCount {
	all := make([]NameCount, 0, len(n.count))
	for _, name := range slices.Sorted(maps.Keys(n.count)) {
		all = append(all, NameCount{name, n.count[name]})
	}
	slices.SortStableFunc(all, func(a, b NameCount) int { return cmp.Compare(b.Conns, a.Conns) })
	return all
}
