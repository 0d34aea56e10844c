package main

import "testing"

// TestOutputMemory: live output may wait in more memory than that of a file, which waits
// itself, and in less where there is little, or others take a part.
func TestOutputMemory(t *testing.T) {
	o := func(most int64, write string, web bool) *options {
		return &options{memory: memory{most: most}, write: write, pageOptions: pageOptions{web: web}}
	}
	if n := o(1<<30, "", false).outputMemory(true); n < 64<<20 || n > 1<<30/8 {
		t.Errorf("%d bytes of 1 GiB", n)
	}
	if n := o(1<<30, "", false).outputMemory(false); n != readAhead {
		t.Errorf("%d bytes for a file", n)
	}
	all := o(1<<30, "", false).outputMemory(true)
	for _, less := range []*options{o(16<<20, "", false), o(1<<30, "saved.pcap", false), o(1<<30, "", true)} {
		if n := less.outputMemory(true); n >= all || n < 16<<20/25 {
			t.Errorf("%d bytes of %d", n, all)
		}
	}
}
