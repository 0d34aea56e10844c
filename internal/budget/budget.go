// Package budget bounds memory by counting it. It knows nobody whose memory that
// is: who holds some says how much, and who can do without is a [Candidate].
package budget

import (
	"sync/atomic"

	"github.com/wstap/wstap/internal/list"
)

// A Pool is what several Budgets, each of a goroutine of its own, share.
type Pool struct{ held atomic.Int64 }

// Held returns the bytes held over all Budgets. It may be called from any
// goroutine.
func (p *Pool) Held() int64 { return p.held.Load() }

// A Budget counts the bytes that one goroutine holds of a Pool's.
type Budget struct {
	max        int64
	pool       *Pool
	held       int
	candidates list.List[Candidate] // the one that has been silent longest first
	givenUp    uint64
}

// New returns a Budget of a Pool in which all together may hold max bytes.
func New(pool *Pool, max int) *Budget { return &Budget{max: int64(max), pool: pool} }

// Held returns the bytes held.
func (b *Budget) Held() int { return b.held }

// GivenUp returns how many Candidates were given up.
func (b *Budget) GivenUp() uint64 { return b.givenUp }

// Reserve counts n bytes more. It does not look at the bound: see [Budget.Fits].
func (b *Budget) Reserve(n int) {
	b.held += n
	b.pool.held.Add(int64(n))
}

// Release counts n bytes less.
func (b *Budget) Release(n int) { b.Reserve(-n) }

// Fits says whether n bytes more keep the bound. For their sake Candidates are
// given up, those that have been silent longest, but not the one that asks.
func (b *Budget) Fits(n int, asks *Candidate) bool {
	for b.pool.held.Load()+int64(n) > b.max {
		c := b.candidates.First()
		if c == asks && c != nil {
			c = c.node.Next()
		}
		if c == nil {
			return false
		}
		b.givenUp++
		c.owner.GiveUp()
		b.Leave(c) // if the owner has not done so
	}
	return true
}

// A Candidate is something that may be given up when memory runs short. Its zero
// value holds nothing.
type Candidate struct {
	node    list.Node[Candidate]
	owner   Owner
	charged int
}

// An Owner of a Candidate gives it up when told so.
type Owner interface {
	// GiveUp frees what the Candidate holds.
	GiveUp()
}

// Touch says that c, of the given owner, has just been active. For a new one, which
// costs n bytes, others may have to go.
func (b *Budget) Touch(c *Candidate, owner Owner, n int) {
	if c.node.Linked() {
		b.candidates.MoveToBack(&c.node)
		return
	}
	c.owner = owner
	b.candidates.PushBack(c, &c.node)
	b.Charge(c, c.charged+n)
	b.Fits(0, c)
}

// Charge says that c holds n bytes now.
func (b *Budget) Charge(c *Candidate, n int) {
	b.Reserve(n - c.charged)
	c.charged = n
}

// Charged returns how many bytes c is charged with.
func (c *Candidate) Charged() int { return c.charged }

// Listed says that c may be given up.
func (c *Candidate) Listed() bool { return c.node.Linked() }

// Keep says that c is not to be given up any more; it goes on being charged.
func (c *Candidate) Keep() { c.node.Remove() }

// Leave says that c holds nothing any more.
func (b *Budget) Leave(c *Candidate) {
	c.node.Remove()
	b.Charge(c, 0)
}
