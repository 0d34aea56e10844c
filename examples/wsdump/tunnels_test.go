package main

import "testing"

// TestTunnels: what is in a tunnel is shown, unless --no-tunnels.
func TestTunnels(t *testing.T) {
	for want, args := range map[string][]string{
		"4 messages\n": {"-r", "testdata/vxlan.pcap", "--count"},
		"0 messages\n": {"-r", "testdata/vxlan.pcap", "--count", "--no-tunnels"},
	} {
		if got := mustWork(t, args...).stdout; got != want {
			t.Errorf("%q: %q instead of %q", args, got, want)
		}
	}
}
