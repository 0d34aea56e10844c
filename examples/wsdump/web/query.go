package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/examples/wsdump/web/store"
	"github.com/wstap/wstap/websocket"
)

const (
	maxPattern = 1000 // bytes of a pattern
	maxValues  = 8    // of a parameter
	maxNumbers = 1000 // of connections
)

// filterNames are the parameters of a filter.
var filterNames = []string{"conn", "match", "not_match", "from", "only", "url", "since", "until"}

// A request is what a program asks.
type request struct {
	*http.Request
	query url.Values
}

// api turns a function into a handler for who has the token.
func (s *Server) api(h func(http.ResponseWriter, *request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if denied := s.authorize(r, query); denied != nil {
			refuse(w, denied)
			return
		}
		if err != nil {
			err = failf(http.StatusBadRequest, "the address: %v", err)
		} else {
			err = h(w, &request{r, query})
		}
		if err != nil {
			refuse(w, err)
		}
	})
}

// allow refuses parameters that nobody reads: a filter that is spelt wrong must not
// pass everything.
func (r *request) allow(names ...string) error {
	for name, values := range r.query {
		if name != "token" && !slices.Contains(names, name) {
			if len(names) == 0 {
				return failf(http.StatusBadRequest, "there is no parameter %s here: none is read", name)
			}
			return failf(http.StatusBadRequest, "there is no parameter %s here, only %s", name, strings.Join(names, ", "))
		}
		if len(values) > maxValues {
			return failf(http.StatusBadRequest, "%s is given more than %d times", name, maxValues)
		}
	}
	return nil
}

// number reads a parameter that is a number from lo to hi.
func (r *request) number(name string, missing, lo, hi int64) (int64, error) {
	v := r.query.Get(name)
	if v == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < lo || n > hi {
		return 0, failf(http.StatusBadRequest, "%s must be a number from %d to %d", name, lo, hi)
	}
	return n, nil
}

// filter returns the filter of the query, in which other parameters may stand too.
func filter(r *request, others ...string) (*store.Filter, error) {
	if err := r.allow(append(others, filterNames...)...); err != nil {
		return nil, err
	}
	return parseFilter(r.query)
}

// view returns the view of the filter of the query.
func (s *Server) view(r *request, others ...string) (*store.View, error) {
	f, err := filter(r, others...)
	if err != nil {
		return nil, err
	}
	v, err := s.cfg.Store.View(f)
	if err != nil {
		return nil, failf(http.StatusBadRequest, "%v", err)
	}
	return v, nil
}

func parseFilter(q url.Values) (*store.Filter, error) {
	f := new(store.Filter)
	s := &f.Selection
	for _, name := range []string{"match", "not_match", "url"} {
		for _, v := range q[name] {
			expr, isExpr := expression(v)
			switch {
			case len(v) > maxPattern:
				return nil, failf(http.StatusBadRequest, "%s is longer than %d bytes", name, maxPattern)
			case v == "":
			case name == "url":
				s.URLs = append(s.URLs, v)
			case name == "match" && isExpr:
				s.Match = append(s.Match, expr)
			case name == "match":
				f.Texts = append(f.Texts, v)
			case isExpr:
				s.NotMatch = append(s.NotMatch, expr)
			default:
				f.NotTexts = append(f.NotTexts, v)
			}
		}
	}
	for v := range words(q["only"]) {
		s.Only = append(s.Only, v)
	}
	for v := range words(q["from"]) {
		switch v {
		case "client":
			s.From = append(s.From, websocket.FromClient)
		case "server":
			s.From = append(s.From, websocket.FromServer)
		default:
			return nil, failf(http.StatusBadRequest, "from must be client or server")
		}
	}
	for v := range words(q["conn"]) {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil || len(s.Conns) == maxNumbers {
			return nil, failf(http.StatusBadRequest, "conn must be numbers of connections, with commas between, at most %d", maxNumbers)
		}
		s.Conns = append(s.Conns, n)
	}
	var err error
	if f.Since, err = parseTime("since", q.Get("since")); err != nil {
		return nil, err
	}
	f.Until, err = parseTime("until", q.Get("until"))
	return f, err
}

// words yields the words of lists with commas between.
func words(lists []string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, list := range lists {
			for v := range strings.SplitSeq(list, ",") {
				if v != "" && !yield(v) {
					return
				}
			}
		}
	}
}

// expression returns the regular expression of /expression/, which flags may follow.
func expression(v string) (expr string, is bool) {
	end := strings.LastIndexByte(v, '/')
	if end < 2 || v[0] != '/' || strings.Trim(v[end+1:], "imsU") != "" {
		return "", false
	}
	if flags := v[end+1:]; flags != "" {
		return "(?" + flags + ")" + v[1:end], true
	}
	return v[1:end], true
}

// parseTime reads a time of RFC 3339, or seconds since 1970; the zero time of nothing.
func parseTime(name, v string) (time.Time, error) {
	if v == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
		return t, nil
	}
	whole, fraction, _ := strings.Cut(v, ".")
	sec, err := strconv.ParseUint(whole, 10, 34)
	nsec := uint64(0)
	if err == nil && fraction != "" {
		nsec, err = strconv.ParseUint((fraction + "00000000")[:max(9, len(fraction))], 10, 32)
	}
	if err != nil || len(fraction) > 9 {
		return time.Time{}, failf(http.StatusBadRequest, "%s must be a time as 2026-11-28T12:00:00.5Z, or seconds since 1970, with nine digits behind the point at the most", name)
	}
	return time.Unix(int64(sec), int64(nsec)), nil
}
