package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// apis are all ways to data.
var apis = []string{
	"/api/connections", "/api/connections/1", "/api/messages", "/api/messages/1", "/api/row?seq=1", "/api/timeline", "/api/stats",
	"/api/events", "/api/export?format=har", "/api/nothing", "/api/",
}

// TestToken: there is no data without the token.
func TestToken(t *testing.T) {
	w := serve(t, chat(), nil)
	for _, path := range apis {
		for name, change := range map[string]func(r *http.Request){
			"missing": func(r *http.Request) { r.Header.Del("Authorization") },
			"wrong": func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+strings.Repeat("A", len(w.server.token)))
			},
			"shortened": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+w.server.token[1:]) },
			"empty":     func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
			"basic":     func(r *http.Request) { r.SetBasicAuth("", w.server.token) },
			"in the path": func(r *http.Request) {
				r.Header.Del("Authorization")
				r.URL.RawQuery += "&token=" + w.server.token[:5] + "&token=" + w.server.token
			},
			"a cookie": func(r *http.Request) {
				r.Header.Del("Authorization")
				r.AddCookie(&http.Cookie{Name: "token", Value: w.server.token})
			},
		} {
			r := w.request("GET", path)
			change(r)
			status, _, body := w.do(r)
			if status != http.StatusForbidden || !strings.HasPrefix(string(body), `{"error":"the token is missing`) {
				t.Errorf("%s, token %s: %d %s", path, name, status, body)
			}
		}
	}
	for _, path := range []string{"/api/stats?token=", "/api/stats?a=%zz&token="} {
		r := w.request("GET", path+w.server.token)
		r.Header.Del("Authorization")
		if status, _, body := w.do(r); status == http.StatusForbidden {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// TestHost: who reaches us under another name is a page of another site that had its
// name resolve to our address.
func TestHost(t *testing.T) {
	w := serve(t, chat(), func(cfg *Config) { cfg.Host = "Tap.example" })
	for host, want := range map[string]int{
		w.addr: 200, "localhost": 200, "LOCALHOST:1": 200, "127.0.0.1": 200, "[::1]:80": 200, "[::1]": 200, "192.0.2.1:9": 200,
		"tap.example": 200, "tap.EXAMPLE:81": 200,
		"evil.example": 403, "evil.example:80": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "localhost.": 403,
		"tap.example.evil": 403, "127.0.0.1:evil": 403, "2130706433": 403, "0x7f.1": 403, "127.1": 403,
	} {
		for _, path := range []string{"/", "/api/stats"} {
			r := w.request("GET", path)
			r.Host = host
			status, _, body := w.do(r)
			if status != want {
				t.Errorf("%s at %s: %d %s", path, host, status, body)
			}
		}
	}
	if got := w.raw("GET /api/stats?token=" + w.server.token + " HTTP/1.1\r\nHost: \r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 403") {
		t.Errorf("an empty Host: %.60s", got)
	}
	if got := w.raw("GET http://evil.example/api/stats?token=" + w.server.token + " HTTP/1.1\r\nHost: localhost\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 403") {
		t.Errorf("an address of another site: %.60s", got)
	}
}

// raw sends bytes and returns what comes until the server closes or is silent.
func (w *site) raw(request string) string {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, request)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var b strings.Builder
	_ = resp.Write(&b)
	return b.String()
}

// TestMethods: nothing can be changed, and no body is taken.
func TestMethods(t *testing.T) {
	w := serve(t, chat(), nil)
	for _, path := range append([]string{"/", "/index.html"}, apis...) {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY"} {
			status, header, _ := w.do(w.request(method, path))
			if status != http.StatusMethodNotAllowed || header.Get("Allow") != "GET, HEAD" || header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %d %v", method, path, status, header)
			}
		}
	}
	for _, path := range apis[:7] {
		if status, header, body := w.do(w.request("HEAD", path)); status != 200 || len(body) > 0 || header.Get("Content-Length") == "" {
			t.Errorf("HEAD %s: %d %d bytes, %v", path, status, len(body), header)
		}
	}
	for _, body := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		if got := w.raw("GET / HTTP/1.1\r\nHost: localhost\r\n" + body); !strings.HasPrefix(got, "HTTP/1.1 400") {
			t.Errorf("%q: %.60s", body, got)
		}
	}
}

// TestPaths: only the page's own files are served.
func TestPaths(t *testing.T) {
	w := serve(t, nil, nil)
	for _, path := range []string{
		"/../server.go", "/..%2fserver.go", "/%2e%2e/server.go", "/assets/index.html", "/assets", "/index.html/", "//index.html", "/./index.html",
		"/..\\server.go", "/index.html%00.js", "/%2fetc%2fpasswd", "/etc/passwd", "/server.go", "/.", "/..", "/favicon.ico", "/index", "/a/../index.html",
	} {
		got := w.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		switch status, _, _ := strings.Cut(strings.TrimPrefix(got, "HTTP/1.1 "), " "); status {
		case "404", "301", "307", "400": // what is not clean is sent to what is
			if strings.Contains(got, "package web") || strings.Contains(got, "Location: //") {
				t.Errorf("%s: %s", path, got)
			}
		default:
			t.Errorf("%s: %.100s", path, got)
		}
	}
	for _, path := range []string{"/", "/index.html"} {
		status, header, body := w.do(w.request("GET", path))
		if status != 200 || header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(string(body), "<!doctype html>") {
			t.Errorf("%s: %d %v", path, status, header)
		}
	}
}

// TestHeaders: every answer, also an error, tells the browser what it may do with it.
func TestHeaders(t *testing.T) {
	w := serve(t, chat(), nil)
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Access-Control-Allow-Origin": "", "Set-Cookie": "",
	}
	check := func(r *http.Request) {
		t.Helper()
		resp, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for name, v := range want {
			if got := resp.Header.Get(name); got != v {
				t.Errorf("%s %s: %s: %q", r.Method, r.URL.Path, name, got)
			}
		}
	}
	for _, path := range append([]string{"/", "/nothing", "/api/messages?match=/(/", "/api/connections/77"}, apis...) {
		check(w.request("GET", path))
		check(w.request("POST", path))
	}
	r := w.request("GET", "/api/stats")
	r.Header.Del("Authorization")
	check(r)
	r = w.request("GET", "/")
	r.Host = "evil.example"
	check(r)
}

// TestCrossOrigin: a page of another site that knows the token gets nothing either.
func TestCrossOrigin(t *testing.T) {
	w := serve(t, chat(), nil)
	for _, path := range apis[:7] {
		for _, h := range []struct {
			name, value string
			want        int
		}{
			{"Origin", "http://" + w.addr, 200}, {"Origin", "http://evil.example", 403}, {"Origin", "null", 403},
			{"Origin", "https://" + w.addr, 403}, {"Origin", "http://" + w.addr + ".evil.example", 403}, {"Origin", "http://localhost:1", 403},
			{"Sec-Fetch-Site", "same-origin", 200}, {"Sec-Fetch-Site", "none", 200},
			{"Sec-Fetch-Site", "same-site", 403}, {"Sec-Fetch-Site", "cross-site", 403}, {"Sec-Fetch-Site", "new-word", 403},
		} {
			r := w.request("GET", path)
			r.Header.Set(h.name, h.value)
			if status, _, body := w.do(r); status != h.want {
				t.Errorf("%s %s: %s: %d %s", path, h.name, h.value, status, body)
			}
		}
	}
}

// TestHostileParameters: what makes no sense is refused in words, and what is far out
// finds nothing.
func TestHostileParameters(t *testing.T) {
	w := serve(t, chat(), nil)
	for _, query := range []string{
		"match=/(/", "match=/a{1001}/", "match=/(a{500}){500}/", "match=" + strings.Repeat("a", 1001), "not_match=/[/", "url=*", "only=words", "from=nobody",
		"conn=x", "conn=-1", "conn=18446744073709551616", "conn=" + strings.Repeat("1,", 1001), strings.Repeat("match=a&", 9),
		"since=yesterday", "since=-1", "until=1e9", "until=99999999999999999999", "since=1.5x", "since=1.1234567890x", "since=1.0000000001",
		"offset=x", "offset=9223372036854775808", "limit=-1", "limit=1001", "limit=1.5", "offset=-9223372036854775808",
		"unknown=1", "Match=a", "a;b", "match=%zz", "token=x&%",
	} {
		var failed struct{ Error string }
		if status := w.get("/api/messages?"+query, &failed); status != 400 || failed.Error == "" {
			t.Errorf("%.60s: %d %+v", query, status, failed)
		}
	}
	for path, query := range map[string]string{
		"/api/row": "seq=1&time=1", "/api/timeline": "buckets=0", "/api/connections": "since=-1", "/api/stats": "x=1", "/api/events": "x=1",
		"/api/messages/1": "x=1", "/api/connections/1": "x=1", "/api/export": "format=",
	} {
		var failed struct{ Error string }
		if status := w.get(path+"?"+query, &failed); status != 400 || failed.Error == "" || strings.HasSuffix(failed.Error, " ") {
			t.Errorf("%s?%s: %d %+v", path, query, status, failed)
		}
	}
	if status := w.get("/api/timeline?buckets=2001", new(struct{})); status != 400 {
		t.Errorf("many buckets: %d", status)
	}
	if status := w.get("/api/row", new(struct{})); status != 400 {
		t.Errorf("no row: %d", status)
	}
	if got := w.raw("GET /?" + strings.Repeat("a", 40<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 431") {
		t.Errorf("a long address: %.60s", got)
	}
}

// TestSlowClients: who is slow is given up, and cannot keep others out.
func TestSlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes two seconds")
	}
	w := serve(t, chat(), func(cfg *Config) { cfg.patience = 12 * time.Second })
	if s := &w.server.http; s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 {
		t.Errorf("%+v", s)
	}
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range maxConns { // none of them comes to an end of its request
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: loc")
	}
	refused := false
	for range 3 {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == io.EOF || strings.Contains(fmt.Sprint(err), "reset") {
			refused = true
		}
		c.Close()
	}
	if !refused {
		t.Error("there is no limit of connections")
	}
	begin := time.Now()
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		_, _ = io.Copy(io.Discard, c)
	}
	if d := time.Since(begin); d > 40*time.Second {
		t.Errorf("given up after %v", d)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		resp, err := w.client.Do(w.request("GET", "/api/stats"))
		if err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("afterwards: %v", err)
		}
	}
}

// TestStreams: streams of events have a limit, and give their places back.
func TestStreams(t *testing.T) {
	w := serve(t, chat(), nil)
	var open []*http.Response
	for range maxStreams {
		resp, err := w.client.Do(w.request("GET", "/api/events"))
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(err, resp)
		}
		open = append(open, resp)
	}
	if status, _, body := w.do(w.request("GET", "/api/events")); status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", status, body)
	}
	for _, resp := range open {
		resp.Body.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); len(w.server.streams) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams go on", len(w.server.streams))
		}
	}
}

// TestStoppedReader: a browser that takes no events is not written to without end.
func TestStoppedReader(t *testing.T) {
	line := strings.Repeat("x", 8<<20) // more than sockets take
	n := 0
	w := serve(t, nil, func(cfg *Config) {
		cfg.patience = 3 * time.Second
		cfg.Status = func() Status { n++; return Status{Lines: []string{line, fmt.Sprint(n)}} }
	})
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /api/events?token="+w.server.token+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for deadline := time.Now().Add(20 * time.Second); len(w.server.streams) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no stream begins")
		}
	}
	for deadline := time.Now().Add(2 * time.Minute); len(w.server.streams) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the stream goes on")
		}
	}
}

// TestMany asks from many sides while messages come, for the race detector.
func TestMany(t *testing.T) {
	events := chat()
	w := serve(t, events, nil)
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Go(func() {
			for j := range 20 {
				path := apis[(i+j)%7]
				if status, _, body := w.do(w.request("GET", path)); status != 200 && status != http.StatusGone {
					t.Errorf("%s: %d %s", path, status, body)
				}
			}
		})
	}
	for range 20_000 {
		for _, ev := range events {
			w.store.Add(ev)
		}
	}
	asking.Wait()
}

// FuzzQuery: whatever is asked for is answered or refused, and never with more rows
// than the limit.
func FuzzQuery(f *testing.F) {
	f.Add("match=/a|b/i&from=client&limit=3")        // a pattern with a flag
	f.Add("match=/&not_match=//&match=///")          // slashes that make no pattern
	f.Add("match=/(?i)\\x{10ffff}/sU")               // flags inside and outside
	f.Add("conn=1,,2&conn=18446744073709551615")     // numbers at the edge
	f.Add("since=0.000000001&until=17179869183.999") // times at the edge
	f.Add("since=0000-01-01T00:00:00Z")              // before all
	f.Add("offset=-9223372036854775807&limit=0")     // far out
	f.Add("only=data,control&url=.&url=%00")         // lists, and a byte that is no text
	f.Add("a=b;c=d&%zz")                             // not a query
	w := serve(f, chat(), nil)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r := &request{&http.Request{}, values}
		v, err := w.server.view(r, "offset", "limit")
		if err != nil {
			return
		}
		limit, err := r.number("limit", 100, 0, maxRows)
		if err != nil {
			return
		}
		offset, _ := r.number("offset", 0, -1<<63+1, 1<<63-1)
		page := v.Rows(t.Context(), offset, int(limit))
		if len(page.Rows) > int(limit) || len(page.Rows) > 6 || page.Begin > page.End {
			t.Errorf("%q: %+v", query, page)
		}
		if all := v.Rows(t.Context(), 0, maxRows); uint64(len(all.Rows)) != all.End-all.Begin {
			t.Errorf("%q: %d rows of %d to %d", query, len(all.Rows), all.Begin, all.End)
		}
	})
}
