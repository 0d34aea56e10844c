package websocket

import (
	"github.com/wstap/wstap/internal/http1"
	"strings"
	"testing"
)

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.4pcPyMD09olPSyXnrXCjTwXyr4BsezdI1AVTmud2fU4"

func TestMasked(t *testing.T) {
	const random = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct{ name, in, want string }{
		{"Cookie", "sid=abc; theme=dark", "sid=***; theme=***"},
		{"cookie", "garbage", "***"},
		{"Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=***; Path=/; HttpOnly"},
		{"Authorization", "Bearer " + jwt, "Bearer ***"},
		{"Proxy-Authorization", "secret", "***"},
		{"X-Api-Key", "abc", "***"},
		{"X-CSRF-Token", "abc", "***"},
		{"X-Amzn-Oidc-Data", jwt, "***"},
		{"Referer", "https://u:p@h/?token=1", "https://***@h/?token=***"},
		{"Sec-WebSocket-Protocol", "chat, superchat", "chat, superchat"},
		{"Sec-WebSocket-Protocol", "access_token, hunter2", "access_token, ***"},
		{"Sec-WebSocket-Protocol", "Bearer,hunter2", "Bearer,***"},
		{"Sec-WebSocket-Protocol", "base64url.bearer.authorization.k8s.io.aHVudGVyMg, v4.channel.k8s.io", "base64url.bearer.***, v4.channel.k8s.io"},
		{"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.sk-1", "realtime, openai-insecure-api-key.***"},
		{"Sec-WebSocket-Protocol", "graphql-transport-ws, actioncable-v1-json", "graphql-transport-ws, actioncable-v1-json"},
		{"Sec-WebSocket-Protocol", random, "***"},
		{"Sec-WebSocket-Key", "zPDr6m4czzUdOFnsxIUEAw==", "zPDr6m4czzUdOFnsxIUEAw=="},
		{"User-Agent", "Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"},
		{"WWW-Authenticate", "Basic realm=x", "Basic realm=x"},
	} {
		c := new(Conn)
		c.setHeads(http1.Fields("Host: h\r\n"+tt.name+": "+tt.in+"\r\n\r\n"), "")
		got := c.Masked().Request()
		if v := got.Get(tt.name); v != tt.want {
			t.Errorf("%s: %s becomes %s, want %s", tt.name, tt.in, v, tt.want)
		}
		if got.Get("Host") != "h" || len(got) != 2 {
			t.Errorf("other fields: %v", got)
		}
		if v := c.Request().Get(tt.name); v != tt.in {
			t.Errorf("the original became %s", v)
		}
	}
	// The server repeats what the client offered: it is known by then.
	c := &Conn{URL: "ws://h/?token=1", Subprotocol: "hunter2"}
	c.setHeads("Sec-WebSocket-Protocol: access_token, hunter2\r\n\r\n", "Sec-WebSocket-Protocol: hunter2\r\n\r\n")
	c = c.Masked()
	if c.URL != "ws://h/?token=***" || c.Subprotocol != "***" || c.Response().Get("Sec-WebSocket-Protocol") != "***" {
		t.Errorf("got %+v", c)
	}
	if c := new(Conn).Masked(); c.Request() != nil || c.Response() != nil {
		t.Errorf("headers from nowhere: %v", c)
	}
}

func FuzzMasked(f *testing.F) {
	f.Add("Cookie", "a=b; c", "ws://u:p@h/?token=1#"+jwt)     // everything at once
	f.Add("Sec-WebSocket-Protocol", ",,bearer.,", "://@?=&;") // nothing between the marks
	f.Add("x", "eyJ.eyJ.", "eyJ.")                            // barely tokens
	f.Fuzz(func(t *testing.T, name, value, url string) {
		const secret = "hunter2hunter2"
		c := &Conn{URL: url, Subprotocol: value}
		c.setHeads(http1.Fields("Cookie: a="+secret+"\r\n"+name+": "+value+"\r\nAuthorization: "+secret+"\r\n\r\n"), "")
		m := c.Masked()
		if got := string(m.request()); strings.Contains(strings.ReplaceAll(got, value, ""), secret) && !strings.Contains(name+value, secret) {
			t.Errorf("the secret shows: %q", got)
		}
		if again := m.Masked(); again.URL != m.URL {
			t.Errorf("%q is masked to %q and then to %q", url, m.URL, again.URL)
		}
	})
}
