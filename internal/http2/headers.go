package http2

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/wstap/wstap/internal/http1"
	"github.com/wstap/wstap/reassembly"
)

// oneLine keeps a field's value on its line.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// A block is what a header block says.
type block struct {
	method, protocol, scheme, authority, path, status string
	fields                                            http1.Fields // the others
}

func newBlock(fields []hpack.HeaderField) (k block) {
	var raw strings.Builder
	for _, f := range fields {
		switch f.Name {
		case ":method":
			k.method = f.Value
		case ":protocol":
			k.protocol = f.Value
		case ":scheme":
			k.scheme = f.Value
		case ":authority":
			k.authority = f.Value
		case ":path":
			k.path = f.Value
		case ":status":
			k.status = f.Value
		}
		if f.IsPseudo() {
			continue
		}
		raw.WriteString(f.Name)
		raw.WriteString(": ")
		raw.WriteString(oneLine.Replace(f.Value))
		raw.WriteString("\r\n")
	}
	raw.WriteString("\r\n")
	k.fields = http1.Fields(raw.String())
	return k
}

// headers acts on a header block.
func (c *Conn) headers(dir reassembly.Direction, s *side, t time.Time) {
	fields, ok := s.decode()
	if !ok {
		s.broken = true
		return
	}
	if s.blockID == 0 {
		return
	}
	k := newBlock(fields)
	st := c.streams[s.blockID]
	switch {
	case dir == reassembly.FromClient && k.method != "" && (st == nil || st.request == nil):
		if st = c.request(s.blockID, st, &k); st == nil {
			return
		}
	case dir == reassembly.FromServer && k.status != "" && (st == nil || st.response == nil):
		if st = c.response(s.blockID, st, &k); st == nil {
			return
		}
	}
	if st != nil && st.sink == nil && st.request != nil && st.response != nil {
		c.open(st, t)
	}
	if s.blockEnd {
		c.endStream(dir, s.blockID, t)
	}
	if st != nil && st.reset && st.sink != nil && c.streams[s.blockID] == st {
		c.closeStream(s.blockID, reassembly.RST, t)
	}
}

// request notes a request; nil: it is none for a WebSocket.
func (c *Conn) request(id uint32, st *stream, k *block) *stream {
	c.lastID = max(c.lastID, id)
	if st != nil {
		c.early--
	}
	if k.method != "CONNECT" || k.protocol != "websocket" {
		c.drop(id)
		return nil
	}
	if st == nil {
		st = c.newStream(id)
	}
	st.request = &Request{Scheme: k.scheme, Authority: k.authority, Path: k.path, Fields: "Host: " + http1.Fields(oneLine.Replace(k.authority)) + "\r\n" + k.fields}
	c.charge(st)
	return st
}

// response notes an answer; nil: it is none yet, or to another request.
func (c *Conn) response(id uint32, st *stream, k *block) *stream {
	status, _ := strconv.Atoi(k.status)
	if status < 200 {
		return nil
	}
	if st == nil {
		if id <= c.lastID || id&1 == 0 || c.early >= maxEarly || c.sides[reassembly.FromClient].broken {
			return nil
		}
		st = c.newStream(id)
		c.early++
	}
	st.response = &Response{Status: status, Fields: k.fields}
	c.charge(st)
	return st
}

func (c *Conn) newStream(id uint32) *stream {
	st := &stream{}
	c.streams[id] = st
	return st
}

// charge counts what a stream holds.
func (c *Conn) charge(st *stream) {
	c.heads -= st.charged
	st.charged = streamCost
	if r := st.request; r != nil {
		st.charged += len(r.Scheme) + len(r.Authority) + len(r.Path) + len(r.Fields)
	}
	if r := st.response; r != nil {
		st.charged += len(r.Fields)
	}
	c.heads += st.charged
}

// open begins a WebSocket whose request and answer were both seen.
func (c *Conn) open(st *stream, t time.Time) {
	st.gone = [2]int64{c.sides[0].gone, c.sides[1].gone}
	st.accepted = st.response.Status/100 == 2
	st.sink = c.handler.Open(st.request, st.response, t)
	if !st.accepted {
		return
	}
	for dir, b := range st.held {
		c.counts.Held -= len(b)
		st.held[dir] = nil
		st.data(reassembly.Direction(dir), b, st.time)
	}
}
