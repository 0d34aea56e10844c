package web

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/wstap/wstap/internal/escape"
)

// A failure is an answer other than 200.
type failure struct {
	status int
	why    string
}

func (f *failure) Error() string { return f.why }

func failf(status int, format string, a ...any) error {
	return &failure{status, fmt.Sprintf(format, a...)}
}

// refuse writes the answer of an error.
func refuse(w http.ResponseWriter, err error) {
	f := &failure{http.StatusInternalServerError, err.Error()}
	errors.As(err, &f)
	b := append(escape.AppendJSON([]byte(`{"error":`), f.why), '}', '\n')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(f.status)
	_, _ = w.Write(b)
}

// policy lets the page load its own parts and nothing else, and nobody frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard refuses what no page of ours would ask.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if err := s.check(r); err != nil {
			h.Set("Connection", "close") // whatever body follows
			var f *failure
			if errors.As(err, &f) && f.status == http.StatusMethodNotAllowed {
				h.Set("Allow", "GET, HEAD")
			}
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) check(r *http.Request) error {
	switch {
	case !s.known(r.Host):
		return failf(http.StatusForbidden, "this server is not called %s: use the address that wsdump printed", r.Host)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return failf(http.StatusMethodNotAllowed, "only GET and HEAD: nothing can be changed here")
	case r.ContentLength != 0:
		return failf(http.StatusBadRequest, "no body is read")
	}
	return nil
}

// known says whether host, a Host field, is ours. A page of another site may have its
// name resolve to our address, and then asks us under that name (DNS rebinding). An
// address is no name, and may be another than ours behind a tunnel.
func (s *Server) known(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	if strings.EqualFold(name, "localhost") || s.cfg.Host != "" && strings.EqualFold(name, s.cfg.Host) {
		return true
	}
	_, err = netip.ParseAddr(name)
	return err == nil
}

// authorize says whether a request for data brings the token, and comes from no page
// but ours.
func (s *Server) authorize(r *http.Request, query url.Values) error {
	token := query.Get("token")
	if word, bearer, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(word, "Bearer") {
		token = bearer
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		return failf(http.StatusForbidden, "the token is missing or wrong: it is in the address that wsdump printed")
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return failf(http.StatusForbidden, "asked by a page of another site")
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return failf(http.StatusForbidden, "asked by a page of another site")
	}
	return nil
}
