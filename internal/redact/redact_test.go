package redact

import (
	"strings"
	"testing"
)

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.4pcPyMD09olPSyXnrXCjTwXyr4BsezdI1AVTmud2fU4"

func TestURL(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"ws://127.0.0.1:7272/":               "ws://127.0.0.1:7272/",
		"ws://host/chat?room=1&lang=en#x":    "ws://host/chat?room=1&lang=en#x",
		"ws://user:pw@host/chat":             "ws://***@host/chat",
		"ws://user@pw@host":                  "ws://***@host",
		"ws://host/a@b":                      "ws://host/a@b",
		"wss://h/?token=abc&room=1":          "wss://h/?token=***&room=1",
		"wss://h/?access_token=a%20b":        "wss://h/?access_token=***",
		"wss://h/?%74oken=abc":               "wss://h/?%74oken=***",
		"wss://h/?room=1&api-key=x;sid=2":    "wss://h/?room=1&api-key=***;sid=***",
		"wss://h/?X-Amz-Signature=ab":        "wss://h/?X-Amz-Signature=***",
		"wss://h/chat;jsessionid=12/x":       "wss://h/chat;jsessionid=***/x",
		"wss://h/ws/" + jwt + "/room":        "wss://h/ws/***/room",
		"wss://h/?q=" + jwt + "&r=1":         "wss://h/?q=***&r=1",
		"wss://h/#id_token=1":                "wss://h/#id_token=***",
		"/?auth=1":                           "/?auth=***",
		"wss://h/?monkey=1&design=2&codec=3": "wss://h/?monkey=1&design=2&codec=3",
		"wss://h/?=&&?=;;":                   "wss://h/?=&&?=;;",
		"wss://h/?%zz=1&%zztoken=2":          "wss://h/?%zz=1&%zztoken=***",
		"wss://h/eyJ/eyJabc":                 "wss://h/eyJ/eyJabc",
	} {
		if got := URL(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestFieldCase: a field is masked in the same way however its name is written.
func TestFieldCase(t *testing.T) {
	var p Protocols
	for _, name := range []string{"Host", "Connection", "Upgrade", "User-Agent", "Pragma", "Cache-Control", "Accept-Encoding", "Accept-Language",
		"Sec-WebSocket-Version", "Sec-WebSocket-Extensions", "Content-Length", "Content-Type", "Date", "Server", "Sec-WebSocket-Key",
		"Sec-WebSocket-Accept", "Origin", "Cookie", "X-Session-Id", "Authorization"} {
		for _, value := range []string{"", "a", "https://u:p@h/?token=1", "Bearer " + jwt, "a=b; c=" + jwt} {
			got, want := p.field(name, value), p.field(strings.ToLower(name), value)
			if got != want || got != p.field(strings.ToUpper(name), value) {
				t.Errorf("%s: %s is %s, want %s", name, value, got, want)
			}
		}
	}
}
