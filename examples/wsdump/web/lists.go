package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/wstap/wstap/examples/wsdump/web/store"
)

const (
	maxRows    = 1000
	maxBuckets = 2000
	maxListed  = 5000 // connections in an answer

	// searchTime is how long an answer waits for a search, which goes on then.
	searchTime = 100 * time.Millisecond
)

// respond writes an answer of JSON.
func respond(w http.ResponseWriter, b []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
	return nil
}

func shortly(r *request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), searchTime)
}

func (s *Server) connections(w http.ResponseWriter, r *request) error {
	if err := r.allow("since", "limit"); err != nil {
		return err
	}
	since, err := r.number("since", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := r.number("limit", maxListed, 1, maxListed)
	if err != nil {
		return err
	}
	version := s.cfg.Store.Version() // before the list: what comes meanwhile is told again
	rows, more := s.cfg.Store.Conns(uint64(since), int(limit))
	if more {
		version = rows[len(rows)-1].Version
	}
	e := newEncoder()
	b := []byte(`{"rows":[`)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.connection(b, &rows[i], false)
	}
	b = strconv.AppendUint(append(b, `],"version":`...), version, 10)
	b = strconv.AppendBool(append(b, `,"more":`...), more)
	b = strconv.AppendUint(append(b, `,"forgotten":`...), s.cfg.Store.Summary().ConnsForgotten, 10)
	return respond(w, append(b, '}'))
}

func (s *Server) connection(w http.ResponseWriter, r *request) error {
	if err := r.allow(); err != nil {
		return err
	}
	n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	c, ok := s.cfg.Store.Conn(n)
	if err != nil || !ok {
		return failf(http.StatusNotFound, "there is no such connection, or it was forgotten")
	}
	return respond(w, newEncoder().connection(nil, &c, true))
}

func (s *Server) messages(w http.ResponseWriter, r *request) error {
	v, err := s.view(r, "offset", "limit")
	if err != nil {
		return err
	}
	offset, err := r.number("offset", 0, math.MinInt64+1, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := r.number("limit", 100, 0, maxRows)
	if err != nil {
		return err
	}
	ctx, cancel := shortly(r)
	defer cancel()
	page := v.Rows(ctx, offset, int(limit))
	b := strconv.AppendUint([]byte(`{"begin":`), page.Begin, 10)
	b = strconv.AppendUint(append(b, `,"end":`...), page.End, 10)
	b = strconv.AppendUint(append(b, `,"dropped":`...), s.cfg.Store.Summary().Forgotten, 10)
	b = strconv.AppendBool(append(b, `,"searched":`...), page.Searched)
	b = strconv.AppendUint(append(b, `,"view":`...), page.View, 10)
	b = append(b, `,"rows":[`...)
	for i := range page.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRow(b, &page.Rows[i])
	}
	return respond(w, append(b, "]}"...))
}

func (s *Server) message(w http.ResponseWriter, r *request) error {
	if err := r.allow(); err != nil {
		return err
	}
	n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		return failf(http.StatusNotFound, "the number of a message is expected")
	}
	m, cut, err := s.cfg.Store.Message(n)
	switch {
	case errors.Is(err, store.ErrForgotten):
		return failf(http.StatusGone, "%v", err)
	case err != nil:
		return failf(http.StatusNotFound, "%v", err)
	}
	return respond(w, newEncoder().message(n, m, cut))
}

func (s *Server) row(w http.ResponseWriter, r *request) error {
	v, err := s.view(r, "seq", "time")
	if err != nil {
		return err
	}
	ctx, cancel := shortly(r)
	defer cancel()
	var n uint64
	switch seq, at := r.query.Get("seq"), r.query.Get("time"); {
	case (seq == "") == (at == ""):
		return failf(http.StatusBadRequest, "either seq or time is expected")
	case seq != "":
		number, err := r.number("seq", 0, 0, math.MaxInt64)
		if err != nil {
			return err
		}
		n = v.RowOf(ctx, uint64(number))
	default:
		t, err := parseTime("time", at)
		if err != nil {
			return err
		}
		n = v.RowAt(ctx, t)
	}
	return respond(w, append(strconv.AppendUint([]byte(`{"n":`), n, 10), '}'))
}

func (s *Server) timeline(w http.ResponseWriter, r *request) error {
	v, err := s.view(r, "buckets")
	if err != nil {
		return err
	}
	n, err := r.number("buckets", 200, 1, maxBuckets)
	if err != nil {
		return err
	}
	ctx, cancel := shortly(r)
	defer cancel()
	return respond(w, appendTimeline(nil, v.Timeline(ctx, int(n))))
}

func (s *Server) stats(w http.ResponseWriter, r *request) error {
	if err := r.allow(); err != nil {
		return err
	}
	sum := s.cfg.Store.Summary()
	return respond(w, s.appendStats(nil, &sum))
}
