package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/wstap/wstap/examples/wsdump/web/store"
	"github.com/wstap/wstap/export/har"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/websocket"
)

// formats are what can be downloaded, with the kinds that browsers are told.
var formats = map[string]string{
	"har":    "application/json",
	"jsonl":  "application/jsonl",
	"pcapng": "application/vnd.tcpdump.pcap",
}

// export gives the messages of a filter as a file.
func (s *Server) export(w http.ResponseWriter, r *request) error {
	v, err := s.view(r, "format")
	if err != nil {
		return err
	}
	format := r.query.Get("format")
	kind := formats[format]
	switch {
	case kind == "":
		return failf(http.StatusBadRequest, "format must be har, jsonl or pcapng")
	case format == "pcapng" && s.cfg.Packets == nil:
		return failf(http.StatusConflict, "%s", s.cfg.NoPackets)
	}
	select {
	case s.exports <- struct{}{}:
		defer func() { <-s.exports }()
	default:
		return failf(http.StatusServiceUnavailable, "there are %d downloads already", maxExports)
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="wsdump.`+format+`"`)
	if r.Method == http.MethodHead {
		return nil
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{})
	client := &patientWriter{w: w, rc: rc}
	out := bufio.NewWriterSize(client, 64<<10)
	switch format {
	case "har":
		e := har.NewEncoder(out, &har.Config{ShowSecrets: true, Creator: "wsdump"}) // they are masked
		err = errors.Join(s.encode(r.Context(), v, e.Encode), e.Close())
	case "jsonl":
		err = s.encode(r.Context(), v, jsonl.NewEncoder(out, &jsonl.Config{ShowSecrets: true}).Encode)
	case "pcapng":
		var conns []*websocket.Conn
		if conns, err = connsOf(r.Context(), v); err == nil {
			err = s.cfg.Packets(r.Context(), out, conns)
		}
	}
	if err == nil {
		err = out.Flush()
	}
	switch {
	case err == nil:
		return nil
	case client.begun:
		panic(http.ErrAbortHandler) // a file that is not whole must not look so
	}
	h.Del("Content-Disposition")
	return err
}

// A patientWriter waits for a client as long as it takes something.
type patientWriter struct {
	w     io.Writer
	rc    *http.ResponseController
	begun bool
}

func (p *patientWriter) Write(b []byte) (int, error) {
	p.begun = true
	_ = p.rc.SetWriteDeadline(time.Now().Add(patience))
	return p.w.Write(b)
}

// encode tells the messages of a view, each connection's open before its first one,
// and at last the ends.
func (s *Server) encode(ctx context.Context, v *store.View, tell func(websocket.Event) error) error {
	told := make(map[uint64]bool)
	for m, err := range v.Messages(ctx) {
		if err != nil {
			return err
		}
		if n := m.Conn.Number; !told[n] {
			told[n] = true
			open := &websocket.Open{Time: m.Start, Conn: m.Conn}
			if c, ok := s.cfg.Store.Conn(n); ok {
				open.Time = c.Opened
			}
			if err := tell(open); err != nil {
				return err
			}
		}
		if err := tell(m); err != nil {
			return err
		}
	}
	var ends []*websocket.End
	for n := range told {
		if c, ok := s.cfg.Store.Conn(n); ok && c.End != nil {
			ends = append(ends, c.End)
		}
	}
	slices.SortFunc(ends, func(a, b *websocket.End) int { return a.Time.Compare(b.Time) })
	for _, end := range ends {
		if err := tell(end); err != nil {
			return err
		}
	}
	return nil
}

// connsOf returns the connections of a view's messages.
func connsOf(ctx context.Context, v *store.View) (list []*websocket.Conn, err error) {
	seen := make(map[*websocket.Conn]bool)
	for m, err := range v.Messages(ctx) {
		if err != nil {
			return nil, err
		}
		if !seen[m.Conn] {
			seen[m.Conn] = true
			list = append(list, m.Conn)
		}
	}
	return list, nil
}
