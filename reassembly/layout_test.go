package reassembly

import (
	"testing"
	"unsafe"
)

// TestFlowLayout: what most packets need of a flow stands in two of the 64 bytes that
// come from memory together, and a slab fills whole pages.
func TestFlowLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("for 64 bits")
	}
	var f Flow
	const line, page = 64, 8192 // the runtime's pages
	if at := unsafe.Offsetof(f.half); at != line {
		t.Errorf("the halves begin at byte %d", at)
	}
	if n := unsafe.Sizeof(f); n != 2*line {
		t.Errorf("a Flow takes %d bytes", n)
	}
	if n := unsafe.Sizeof(memory{}); n%page != 0 {
		t.Errorf("a slab takes %d bytes", n)
	}
	if n := unsafe.Sizeof(rest{}); n > 64 {
		t.Errorf("a rest takes %d bytes", n)
	}
}
