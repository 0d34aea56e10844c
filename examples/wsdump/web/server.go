// Package web serves what a Store holds: a page for people, and the same as JSON for
// programs, at the same address. It only reads, and knows nothing of captures.
package web

import (
	"context"
	"crypto/rand"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/wstap/wstap/examples/wsdump/web/store"
	"github.com/wstap/wstap/websocket"
)

// Config says what a Server shows.
type Config struct {
	Store *store.Store
	// Status tells how the capture goes. It is called several times a second, from
	// any goroutine.
	Status func() Status
	// Packets writes the packets of connections as pcapng. nil: there are none, and
	// NoPackets says why.
	Packets   func(ctx context.Context, w io.Writer, conns []*websocket.Conn) error
	NoPackets string
	// Host is a name that the server may be called by, besides localhost and any
	// address.
	Host string

	// Version is wsdump's, for downloads.
	Version string

	patience time.Duration // for a client that takes nothing, or sends nothing; 0: 30 s
}

// A Status is how the capture goes.
type Status struct {
	Source string   `json:"source"` // of an interface or a file
	Live   bool     `json:"live"`
	Ended  bool     `json:"ended"`
	Why    *string  `json:"why"`    // there are no messages; nil: there are
	Failed *string  `json:"failed"` // what went wrong; nil: nothing
	Totals Totals   `json:"totals"`
	Losses Losses   `json:"losses"`
	Lines  []string `json:"lines"` // as wsdump ends with them, so far
}

// Totals count what there was.
type Totals struct {
	Messages    uint64 `json:"messages"`
	Connections uint64 `json:"connections"`
	Active      uint64 `json:"active"` // connections that go on
	Packets     uint64 `json:"packets"`
	Received    uint64 `json:"received"` // packets that passed the filter
}

// Losses count what is missing of it.
type Losses struct {
	KernelDrops uint64 `json:"kernel_drops"` // packets
	Gaps        uint64 `json:"gaps"`         // in TCP connections of all kinds
	LostBytes   uint64 `json:"lost_bytes"`   // of WebSocket connections
	WithoutKeys uint64 `json:"without_keys"` // TLS connections
	Undecoded   uint64 `json:"undecoded"`    // packets
	Truncated   uint64 `json:"truncated"`    // messages
	Unselected  uint64 `json:"unselected"`   // messages that an option leaves out
	Copies      uint64 `json:"copies"`       // messages left out, seen in copies of connections
}

const (
	maxConns   = 64 // of clients
	maxStreams = 16 // of events
	maxExports = 2

	patience = 30 * time.Second
)

// A Server serves until it is closed.
type Server struct {
	cfg     Config
	token   string
	http    http.Server
	ctx     context.Context // of all requests
	end     context.CancelFunc
	streams chan struct{} // one in it for each
	exports chan struct{}
}

// New returns a Server with a new token. cfg must have a Store and a Status.
func New(cfg *Config) *Server {
	s := &Server{cfg: *cfg, token: rand.Text(), streams: make(chan struct{}, maxStreams), exports: make(chan struct{}, maxExports)}
	if s.cfg.patience == 0 {
		s.cfg.patience = patience
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.http = http.Server{
		Handler:           s.guard(s.routes()),
		ReadHeaderTimeout: s.cfg.patience / 6,
		ReadTimeout:       s.cfg.patience,
		WriteTimeout:      s.cfg.patience,
		IdleTimeout:       2 * s.cfg.patience,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that go away are no news
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
	}
	return s
}

// Serve answers who connects to l, which it closes in the end. It returns
// http.ErrServerClosed after Close.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(limit(l, maxConns)) }

// Close ends all requests, and Serve.
func (s *Server) Close() error {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) == nil {
		return nil
	}
	return s.http.Close()
}

// URL is the address to open in a browser, with the token in it.
func (s *Server) URL(l net.Addr) string {
	host := l.String()
	if a, err := netip.ParseAddrPort(host); err == nil && a.Addr().IsUnspecified() {
		host = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port()).String()
	}
	u := url.URL{Scheme: "http", Host: host, Path: "/", RawQuery: url.Values{"token": {s.token}}.Encode()}
	return u.String()
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	api := func(path string, h func(http.ResponseWriter, *request) error) {
		mux.Handle(path, s.api(h))
	}
	api("/api/connections", s.connections)
	api("/api/connections/{number}", s.connection)
	api("/api/messages", s.messages)
	api("/api/messages/{number}", s.message)
	api("/api/row", s.row)
	api("/api/timeline", s.timeline)
	api("/api/stats", s.stats)
	api("/api/events", s.events)
	api("/api/export", s.export)
	api("/api/", func(http.ResponseWriter, *request) error {
		return failf(http.StatusNotFound, "there is no such thing here")
	})
	mux.HandleFunc("/", serveAsset)
	return mux
}
