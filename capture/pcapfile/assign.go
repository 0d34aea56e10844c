package pcapfile

import (
	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/ipfrag"
)

const (
	// newLoad is what a connection that begins is likely to bring, and frameLoad
	// what a frame takes however short it is, in bytes.
	newLoad   = 64 << 10
	frameLoad = 100
)

// An assignment says which frames are whose. Every walker has one of its own that
// comes to the same results, for it sees all frames of the file: so they need not
// talk to each other.
type assignment struct {
	own       uint16          // the walker's index
	owner     [buckets]uint16 // of each bucket: index of a walker, or none
	load      []int           // about how much work each walker got so far
	hash      hasher
	fragments ipfrag.Sorter[capture.Frame]
	released  []capture.Frame // the walker's own, that were held back until now
}

// none owns the buckets that nothing was found for.
const none = buckets

func newAssignment(own, walkers int) *assignment {
	a := &assignment{own: uint16(min(own, none)), load: make([]int, min(walkers, buckets))}
	for i := range a.owner {
		a.owner[i] = none
	}
	a.fragments.Release = a.release
	return a
}

// mine counts a frame of n bytes for the owner of its hash, and says whether that
// is the walker.
func (a *assignment) mine(hash uint32, n int) bool {
	owner := a.owner[bucket(hash)]
	if int(owner) >= len(a.load) {
		owner = a.give(bucket(hash))
	}
	a.load[owner] += frameLoad + n
	return owner == a.own
}

// give gives a bucket to the walker that got the least work.
func (a *assignment) give(bucket uint32) uint16 {
	least := 0
	for i, load := range a.load {
		if load < a.load[least] {
			least = i
		}
	}
	a.owner[bucket%buckets] = uint16(least)
	a.load[least] += newLoad
	return uint16(least)
}

// takes says whether a frame is the walker's own. It may add to released what
// follows this frame.
func (a *assignment) takes(f *capture.Frame) bool {
	if hash, ok := a.hash.of(f.Link, f.Data, f.Length); ok {
		return a.mine(hash, len(f.Data))
	}
	return a.fragment(f)
}
