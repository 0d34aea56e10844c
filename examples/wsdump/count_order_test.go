package main

import "testing"

// TestCountOrder: a count is that of the file's order, which two workers do not keep.
// What is lost of one connection of gaps.pcap is judged by what was seen of the other.
func TestCountOrder(t *testing.T) {
	for range 10 {
		if got := mustWork(t, "-r", "testdata/count/gaps.pcap", "--count").stdout; got != "1 messages\n" {
			t.Fatal(got)
		}
	}
}
