package main

import (
	"strings"
	"testing"
)

// TestMeant: the likeliest mistakes get what was probably meant, and show where
// they are.
func TestMeant(t *testing.T) {
	file := tempFile(t, nil)
	for _, tt := range []struct{ args, want string }{
		{"7272", "\n    7272\n        ^\ndid you mean: wsdump port 7272\n"},
		{"-p 7272", "wsdump port 7272 (-p is --no-promiscuous-mode"},
		{"port=7272", "\n    port=7272\n        ^\ndid you mean: wsdump port 7272\n"},
		{"port:7272", "wsdump port 7272\n"},
		{"src=10.0.0.1 and port=7272", "wsdump src 10.0.0.1 and port 7272\n"},
		{":7272", "wsdump port 7272\n"},
		{"localhost:7272", "wsdump port 7272\n"},
		{"10.0.0.1:7272", "wsdump host 10.0.0.1 and port 7272\n"},
		{"[fd00::1]:7272", "wsdump host fd00::1 and port 7272\n"},
		{"ws://chat.example:7272/x?y", "wsdump port 7272\n"},
		{"wss://chat.example/", "wsdump port 443\n"},
		{"tcp:7272", "wsdump tcp port 7272\n"},
		{"port 7272/tcp", "wsdump port 7272 and tcp\n"},
		{"port 7272 8080", "wsdump port 7272 or port 8080\n"},
		{"7272,8080", "wsdump port 7272 or port 8080\n"},
		{"prot 7272", "\n    prot 7272\n    ^^^^\ndid you mean: wsdump port 7272\n"},
		{"tpc port 7272", "wsdump tcp port 7272\n"},
		{file, "wsdump -r " + file + "\n"},
	} {
		r := wsdump(t, append([]string{"-d"}, strings.Fields(tt.args)...)...)
		if r.status != 2 || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%s: exit status %d: %s", tt.args, r.status, r.stderr)
		}
	}
	for args, want := range map[string]string{
		"8080": "wsdump --web=8080\n", "[::1]": "wsdump --web=[::1]\n",
		"prot 7272": "wsdump port 7272\n",
	} {
		if r := wsdump(t, append([]string{"-d", "--web"}, strings.Fields(args)...)...); r.status != 2 || !strings.Contains(r.stderr, "did you mean: "+want) {
			t.Errorf("--web %s: exit status %d: %s", args, r.status, r.stderr)
		}
	}
	for _, args := range []string{"port 7272 and", "gibberish here", "port 99999999", strings.Repeat("(", 5000), "tcp\x1b[2J\u202e port"} {
		r := wsdump(t, "-d", args)
		if r.status != 2 || strings.Contains(r.stderr, "did you mean") || strings.ContainsAny(r.stderr, "\x1b\u202e") || len(r.stderr) > 1000 {
			t.Errorf("%q: exit status %d: %q", args, r.status, r.stderr)
		}
	}
	if r := wsdump(t, "-r", recordings[0], "prot", "7272"); r.status != 2 || !strings.Contains(r.stderr, "did you mean: wsdump port 7272\n") {
		t.Errorf("exit status %d: %s", r.status, r.stderr)
	}
}
