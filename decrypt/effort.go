package decrypt

import "time"

// An effort bounds the work of trying: what a try costs is counted in cipher
// blocks, some 40 ns each.
type effort struct {
	left  int
	bytes int // not counted yet
	last  time.Time
}

const (
	// maxEffort is what can be spent at once, about 0.4 s, and connEffort by one
	// record of one connection.
	maxEffort  = 1 << 23
	connEffort = 1 << 18
	// leastEffort is what a record may cost in any case: enough behind a usual loss.
	leastEffort = 128
	// perSecond comes back with time, and one for bytesPer with traffic: then
	// trying takes no more than a tenth of the time, and as long as opening.
	perSecond = 1 << 21
	bytesPer  = 16

	costKey  = 64 // to derive a key
	costOpen = 16 // to open a record without a filter
)

// earn counts what came in.
func (e *effort) earn(bytes int, t time.Time) {
	if e.left >= maxEffort {
		return
	}
	e.bytes += bytes
	e.left += e.bytes / bytesPer
	e.bytes %= bytesPer
	if d := t.Sub(e.last); d > 0 && !e.last.IsZero() {
		e.left += int(min(d, 10*time.Second) * perSecond / time.Second)
	}
	if e.last.Before(t) {
		e.last = t
	}
	e.left = min(e.left, maxEffort)
}

// spend counts what was tried. There are no debts.
func (e *effort) spend(n int) { e.left = max(0, e.left-n) }
