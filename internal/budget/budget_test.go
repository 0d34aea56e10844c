package budget

import (
	"slices"
	"testing"
)

// A thing holds bytes until it is given up.
type thing struct {
	Candidate
	number int
	gone   *[]int
}

func (h *thing) GiveUp() { *h.gone = append(*h.gone, h.number) }

// TestBudget: the silent go first, never the one that asks, and what they held is
// free again.
func TestBudget(t *testing.T) {
	var pool Pool
	var gone []int
	b := New(&pool, 100)
	things := make([]*thing, 5)
	for i := range things {
		things[i] = &thing{number: i, gone: &gone}
		b.Touch(&things[i].Candidate, things[i], 20)
	}
	if b.Held() != 100 || len(gone) != 0 {
		t.Fatalf("%d held, %v gone", b.Held(), gone)
	}
	b.Touch(&things[0].Candidate, things[0], 20) // active again: not charged again
	if !b.Fits(30, &things[1].Candidate) || !slices.Equal(gone, []int{2, 3}) {
		t.Errorf("%v gone", gone)
	}
	if b.Held() != 60 || pool.Held() != 60 || b.GivenUp() != 2 {
		t.Errorf("%d held, %d in all, %d given up", b.Held(), pool.Held(), b.GivenUp())
	}
	if b.Fits(90, &things[1].Candidate) || !slices.Equal(gone, []int{2, 3, 4, 0}) {
		t.Errorf("%v gone for more than there is", gone)
	}
	things[1].Keep()
	if b.Fits(90, nil) || len(gone) != 4 {
		t.Errorf("%v gone, what is kept among them", gone)
	}
	b.Leave(&things[1].Candidate)
	if b.Held() != 0 || pool.Held() != 0 {
		t.Errorf("%d held at the end, %d in all", b.Held(), pool.Held())
	}
}

// TestPool: what one Budget holds counts for the other, which frees its own.
func TestPool(t *testing.T) {
	var pool Pool
	var gone []int
	a, b := New(&pool, 100), New(&pool, 100)
	a.Reserve(90)
	x := &thing{number: 1, gone: &gone}
	b.Touch(&x.Candidate, x, 10)
	if b.Fits(1, &x.Candidate) {
		t.Error("more than there is")
	}
	if !b.Fits(1, nil) || len(gone) != 1 {
		t.Errorf("%v gone", gone)
	}
	a.Release(90)
	if pool.Held() != 0 {
		t.Errorf("%d left", pool.Held())
	}
}
