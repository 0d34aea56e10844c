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
	partial                                           bool         // some are not known
}

func newBlock(fields []hpack.HeaderField) (k block) {
	var raw strings.Builder
	for _, f := range fields {
		switch f.Name {
		case "":
			k.partial = true
			continue
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
	id := s.blockID
	fields, ok := s.decode()
	if id == 0 {
		return
	}
	k := newBlock(fields)
	k.partial = k.partial || !ok
	c.orient(dir, &k)
	st := c.streams[id]
	switch {
	case dir == c.client && (k.method != "" || k.partial) && (st == nil || st.request == nil):
		st = c.request(id, st, &k)
	case dir != c.client && k.status != "" && (st == nil || st.response == nil):
		st = c.response(id, st, &k)
	}
	if st != nil && st.sink == nil && st.request != nil && st.response != nil && !st.unclear {
		c.open(st, t)
	}
	if s.blockEnd {
		c.endStream(dir, id, t)
	}
	if st != nil && st.reset && st.sink != nil && c.streams[id] == st {
		c.closeStream(id, reassembly.RST, t)
	}
}

// request notes a request; nil: it is none for a WebSocket, as far as is known.
func (c *Conn) request(id uint32, st *stream, k *block) *stream {
	if k.method != "" || id > c.lastID {
		c.opens(id)
	}
	if st != nil && (st.sink != nil || st.other) {
		return st // its request was missed
	}
	if st != nil && st.response != nil && !st.unclear {
		c.early--
	}
	connects := k.method == "CONNECT" || k.partial && k.method == ""
	unclear := k.partial && connects && k.protocol == ""
	if !connects || k.protocol != "websocket" && !unclear || unclear && (!c.enabled || len(c.streams) >= maxStreams) {
		c.reject(id)
		return nil
	}
	if st == nil {
		st = c.newStream(id)
	}
	st.unclear = unclear
	if k.authority != "" {
		k.fields = "Host: " + http1.Fields(oneLine.Replace(k.authority)) + "\r\n" + k.fields
	}
	st.request = &Request{From: c.client, Scheme: k.scheme, Authority: k.authority, Path: k.path, Fields: k.fields}
	c.charge(st)
	return st
}

// response notes an answer; nil: it is none yet, or to another request.
func (c *Conn) response(id uint32, st *stream, k *block) *stream {
	status, _ := strconv.Atoi(k.status)
	if status < 200 {
		return nil
	}
	if st != nil && st.sink != nil {
		return nil
	}
	if unclear := st != nil && (st.unclear || st.other); unclear || st == nil && c.unseen(id) {
		if status >= 300 || mayBeOther(k.fields) {
			c.reject(id)
			return nil
		}
		if st == nil {
			if len(c.streams) >= maxStreams {
				return nil
			}
			st = c.newStream(id)
			st.unclear = true
		}
	}
	if st == nil {
		if id <= c.lastID || id&1 == 0 || c.early >= maxEarly {
			return nil
		}
		st = c.newStream(id)
		c.early++
	}
	st.response = &Response{Status: status, Fields: k.fields, Partial: k.partial}
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
	c.enabled = true
	c.release(st)
}

// release passes on what was held of a stream.
func (c *Conn) release(st *stream) {
	for dir, b := range st.held {
		c.counts.Held -= len(b)
		st.held[dir] = nil
		st.data(reassembly.Direction(dir), b, st.time)
	}
}
