package main

import "testing"

// TestCopiesWithLosses: each message of a connection that was seen at two or three
// places, with packets lost at each of them, counts once, and the same each time.
func TestCopiesWithLosses(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"testdata/copies/partial.pcap", "8 messages\n"}, // compressed: one loss leaves unknown bytes in all that follow
		{"testdata/copies/lossy.pcap", "6 messages\n"},   // three places, whose truncated messages end elsewhere
	} {
		for range 5 {
			if got := mustWork(t, "-r", tt.file, "--count").stdout; got != tt.want {
				t.Errorf("%s: %s", tt.file, got)
			}
		}
		lines := mustWork(t, "-r", tt.file, "--json").stdout
		if got := mustWork(t, "-r", tempFile(t, []byte(lines)), "--count").stdout; got != tt.want {
			t.Errorf("%s, as JSON: %s", tt.file, got)
		}
	}
}

// TestOverwrites: no file that is read is written over, and none is written twice.
func TestOverwrites(t *testing.T) {
	lines := mustWork(t, "-r", "walkthrough.pcap.gz", "--json").stdout
	file := tempFile(t, []byte(lines))
	for _, args := range [][]string{
		{"-r", file, "--json=" + file},
		{"-r", file, "--har", file},
		{"-r", "walkthrough.pcap.gz", "--keylog", file, "--har", file},
		{"-r", "walkthrough.pcap.gz", "--json=" + file + "x", "--har", file + "x"},
	} {
		if got := wsdump(t, args...); got.status != 2 {
			t.Errorf("%q: %+v", args, got)
		}
		if got := mustWork(t, "-r", file, "--json").stdout; got != lines {
			t.Fatalf("%q: the file has changed", args)
		}
	}
}
