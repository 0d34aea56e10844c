package list

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type item struct {
	number int
	node   Node[item]
}

func (l *List[T]) check(t *testing.T, number func(*T) int, next func(*T) *T, want []int) {
	t.Helper()
	var got []int
	for i := l.First(); i != nil; i = next(i) {
		got = append(got, number(i))
	}
	if !slices.Equal(got, want) || l.Len() != len(want) {
		t.Fatalf("%v of %d items, want %v", got, l.Len(), want)
	}
	if last := l.Last(); len(want) > 0 && number(last) != want[len(want)-1] || len(want) == 0 && last != nil {
		t.Fatalf("the last one is %v", last)
	}
}

// TestList compares a list with a slice over random operations.
func TestList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var l List[item]
	var model []int
	items := make([]item, 20)
	for i := range items {
		items[i].number = i
	}
	for range 20000 {
		i := &items[r.IntN(len(items))]
		at := slices.Index(model, i.number)
		if i.node.Linked() != (at >= 0) {
			t.Fatalf("item %d: linked %v", i.number, i.node.Linked())
		}
		switch {
		case at < 0 && r.IntN(2) == 0:
			l.PushBack(i, &i.node)
			model = append(model, i.number)
		case at >= 0 && r.IntN(2) == 0:
			l.MoveToBack(&i.node)
			model = append(slices.Delete(model, at, at+1), i.number)
		default: // also of an item that is in no list
			i.node.Remove()
			if at >= 0 {
				model = slices.Delete(model, at, at+1)
			}
		}
		l.check(t, func(i *item) int { return i.number }, func(i *item) *item { return i.node.Next() }, model)
	}
}

func TestNoAllocation(t *testing.T) {
	var l List[item]
	var i item
	if n := testing.AllocsPerRun(100, func() { l.PushBack(&i, &i.node); i.node.Remove() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
