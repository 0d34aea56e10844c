package har

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// An entry is a connection that goes on.
type entry struct {
	conn         *websocket.Conn
	opened, last time.Time
	messages     chain
	lost, before [2]int64 // bytes in gaps, and of those behind the last message, by Direction
}

// entry returns the entry of a connection, a new one where it has none.
func (e *Encoder) entry(c *websocket.Conn, t time.Time) *entry {
	en := e.entries[c.Number]
	if en == nil {
		en = &entry{conn: c, opened: t, last: t}
		e.entries[c.Number] = en
	}
	return en
}

func (en *entry) gap(ev *websocket.Gap) {
	en.lost[ev.From&1] += ev.Bytes
	en.before[ev.From&1] += ev.Bytes
	en.last = ev.Time
}

// finish writes an entry to the archive and forgets it.
func (e *Encoder) finish(en *entry, cause websocket.Cause) error {
	delete(e.entries, en.conn.Number)
	defer e.spool.forget(&en.messages)
	var broken error
	e.out.entry(func() {
		e.out.put(e.head(en, cause))
		if broken = e.spool.copy(&en.messages, e.out.put); broken != nil && e.out.err == nil {
			e.out.err = broken // an entry that is not whole is not written
		}
		e.out.put([]byte("\n]}"))
	})
	return e.out.err
}

// head returns an entry up to its messages. It is lent.
func (e *Encoder) head(en *entry, cause websocket.Cause) []byte {
	c := en.conn
	if !e.cfg.ShowSecrets {
		c = c.Masked()
	}
	b := append(e.buf[:0], `{"startedDateTime":`...)
	b = appendTime(b, en.opened)
	b = append(b, `,"time":`...)
	b = appendMillis(b, en.last.Sub(en.opened))
	b = append(b, `,"request":`...)
	b = appendRequest(b, c)
	b = append(b, `,"response":`...)
	b = appendResponse(b, c)
	b = append(b, `,"cache":{},"timings":{"blocked":-1,"dns":-1,"connect":-1,"ssl":-1,"send":0,"wait":0,"receive":`...)
	b = appendMillis(b, en.last.Sub(en.opened))
	b = append(b, `},"serverIPAddress":`...)
	b = escape.AppendJSON(b, c.Server.Addr().String())
	b = append(b, `,"connection":"`...)
	b = strconv.AppendUint(b, uint64(c.Client.Port()), 10)
	b = append(b, `","_connectionId":"`...)
	b = strconv.AppendUint(b, c.Number, 10)
	b = append(b, `","_client":`...)
	b = escape.AppendJSON(b, c.Client.String())
	b = append(b, `,"_server":`...)
	b = escape.AppendJSON(b, c.Server.String())
	b = append(b, `,"_resourceType":"websocket"`...)
	b = appendFlag(b, `,"_midstream":true`, c.Midstream)
	b = appendFlag(b, `,"_headersDropped":true`, c.HeadersDropped)
	if c.CopyOf > 0 {
		b = appendInt(b, `,"_copyOf":`, int64(c.CopyOf))
	}
	if c.SameKey > 0 {
		b = appendInt(b, `,"_sameKey":`, int64(c.SameKey))
	}
	if t := c.TLS; t != nil {
		b = escape.AppendJSON(append(b, `,"_tls":{"version":`...), t.Version)
		b = escape.AppendJSON(append(b, `,"cipher":`...), t.Cipher)
		b = escape.AppendJSON(append(b, `,"serverName":`...), t.ServerName)
		b = append(escape.AppendJSON(append(b, `,"alpn":`...), t.ALPN), '}')
	}
	b = appendWord(b, `,"_draft":`, c.Draft)
	if x := c.Proxied; x != nil {
		b = escape.AppendJSON(append(b, `,"_proxied":{"client":`...), x.Client.String())
		b = append(escape.AppendJSON(append(b, `,"server":`...), x.Server.String()), '}')
	}
	b = appendWord(b, `,"_subprotocol":`, c.Subprotocol)
	b = appendWord(b, `,"_extensions":`, c.Extensions)
	b = appendWord(b, `,"_cause":`, string(cause))
	if en.lost != [2]int64{} {
		b = append(b, `,"_lostBytes":{"send":`...)
		b = strconv.AppendInt(b, en.lost[websocket.FromClient], 10)
		b = append(b, `,"receive":`...)
		b = strconv.AppendInt(b, en.lost[websocket.FromServer], 10)
		b = append(b, '}')
	}
	b = append(b, `,"_webSocketMessages":[`...)
	e.buf = b
	return b
}

func appendRequest(b []byte, c *websocket.Conn) []byte {
	method, address := c.Method, c.URL
	if method == "" {
		method = http.MethodGet
	}
	if address == "" {
		address = "ws://" + c.Server.String() + "/"
	}
	b = escape.AppendJSON(append(b, `{"method":`...), method)
	b = escape.AppendJSON(append(b, `,"url":`...), address)
	b = append(b, `,"httpVersion":`...)
	b = appendVersion(b, c)
	h := c.Request()
	b = appendHeaders(append(b, `,"headers":`...), h)
	b = append(b, `,"queryString":[`...)
	if u, err := url.Parse(address); err == nil {
		query := u.Query()
		first := true
		for _, name := range slices.Sorted(maps.Keys(query)) {
			for _, v := range query[name] {
				b = appendPair(b, name, v, &first)
			}
		}
	}
	b = append(b, `],"cookies":[`...)
	first := true
	for _, cookie := range (&http.Request{Header: h}).Cookies() {
		b = appendPair(b, cookie.Name, cookie.Value, &first)
	}
	return append(b, `],"headersSize":-1,"bodySize":0}`...)
}

func appendResponse(b []byte, c *websocket.Conn) []byte {
	status := c.Status
	if status == 0 && c.Midstream {
		status = http.StatusSwitchingProtocols
	}
	b = strconv.AppendInt(append(b, `{"status":`...), int64(status), 10)
	b = escape.AppendJSON(append(b, `,"statusText":`...), http.StatusText(status))
	b = append(b, `,"httpVersion":`...)
	b = appendVersion(b, c)
	h := c.Response()
	b = appendHeaders(append(b, `,"headers":`...), h)
	b = append(b, `,"cookies":[`...)
	first := true
	for _, cookie := range (&http.Response{Header: h}).Cookies() {
		b = appendPair(b, cookie.Name, cookie.Value, &first)
	}
	b = append(b, `],"content":{"size":0,"mimeType":`...)
	mime := h.Get("Content-Type")
	if mime == "" {
		mime = "x-unknown"
	}
	b = escape.AppendJSON(b, mime)
	b = append(b, `},"redirectURL":`...)
	b = escape.AppendJSON(b, h.Get("Location"))
	return append(b, `,"headersSize":-1,"bodySize":-1}`...)
}

// appendVersion appends the version of HTTP: an extended CONNECT (RFC 8441) is
// HTTP/2's.
func appendVersion(b []byte, c *websocket.Conn) []byte {
	if c.Method == http.MethodConnect {
		return append(b, `"HTTP/2.0"`...)
	}
	return append(b, `"HTTP/1.1"`...)
}

func appendHeaders(b []byte, h http.Header) []byte {
	b = append(b, '[')
	first := true
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			b = appendPair(b, name, v, &first)
		}
	}
	return append(b, ']')
}

func appendPair(b []byte, name, value string, first *bool) []byte {
	if !*first {
		b = append(b, ',')
	}
	*first = false
	b = escape.AppendJSON(append(b, `{"name":`...), name)
	b = escape.AppendJSON(append(b, `,"value":`...), value)
	return append(b, '}')
}
