package decode_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/wstap/wstap/decode"
)

// TestOptionsFind compares Find with a walk by Next, over random options of which
// most are well formed.
func TestOptionsFind(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	found := 0
	for range 20000 {
		var o decode.Options
		for range r.IntN(6) {
			switch kind := byte(r.IntN(6)); kind {
			case decode.OptionEnd, decode.OptionNOP:
				o = append(o, kind)
			default:
				n := 2 + r.IntN(4)
				o = append(o, kind, byte(n))
				o = append(o, bytes.Repeat([]byte{kind}, n-2)...)
			}
		}
		if len(o) > 0 && r.IntN(3) == 0 {
			o[r.IntN(len(o))] = byte(r.IntN(8))
		}
		if len(o) > 0 && r.IntN(3) == 0 {
			o = o[:len(o)-1]
		}
		for kind := range byte(8) {
			var want []byte
			ok := false
			for rest := o; !ok; {
				opt, more := rest.Next()
				if !more {
					break
				}
				want, ok = opt.Data, opt.Kind == kind
			}
			got, gotOK := o.Find(kind)
			if gotOK != ok || ok && !bytes.Equal(got, want) {
				t.Fatalf("kind %d of %v: %v, %v, want %v, %v", kind, o, got, gotOK, want, ok)
			}
			if ok {
				found++
			}
		}
	}
	if found < 10000 {
		t.Errorf("only %d found", found)
	}
}
