package main

import "testing"

// TestConnections: what is unusual below a connection costs no message.
func TestConnections(t *testing.T) {
	for name, want := range map[string]string{
		"mptcp":        "12 messages\n", // bytes that are sent again under new numbers
		"idle":         "3 messages\n",  // silent for four hours
		"synack-twice": "4 messages\n",  // a SYN with two answers
	} {
		if got := mustWork(t, "-r", "testdata/"+name+".pcap", "--count").stdout; got != want {
			t.Errorf("%s: %q instead of %q", name, got, want)
		}
	}
}
