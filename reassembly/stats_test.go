package reassembly

import (
	"reflect"
	"testing"
)

// TestStatsAdd sees that Add leaves no field out.
func TestStatsAdd(t *testing.T) {
	var one, sum Stats
	fill := func(v reflect.Value, n int) {
		if v.CanInt() {
			v.SetInt(int64(n))
		} else {
			v.SetUint(uint64(n))
		}
	}
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Array {
			for j := range f.Len() {
				fill(f.Index(j), 100*i+j+1)
			}
		} else {
			fill(f, 100*i+1)
		}
	}
	sum.Add(&one)
	if sum != one {
		t.Errorf("got %+v, want %+v", sum, one)
	}
	sum.Add(&one)
	if sum == one || sum.Memory != 2*one.Memory {
		t.Errorf("added twice: %+v", sum)
	}
}
