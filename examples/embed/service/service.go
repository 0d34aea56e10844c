// Package service is a WebSocket echo service that taps itself: an example of
// wstap inside a program that has other things to do.
package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	coder "github.com/coder/websocket"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/websocket"
)

// Config configures a Service.
type Config struct {
	Addr      string       // to serve on; port 0 takes a free one
	Interface string       // to tap
	Log       *slog.Logger // where messages are told
	TLS       *tls.Config  // with a certificate; nil: not in TLS
}

// A Service serves /echo, and /live for those who watch over it.
type Service struct {
	cfg      Config
	listener net.Listener
	mux      *http.ServeMux
	conns    sync.WaitGroup // of /echo
	tap      *websocket.Tap // nil: not tapped
	tls      *tls.Config    // nil: not in TLS

	mu     sync.Mutex
	tapErr error // why the tap ended, while the service runs
}

// New listens, and opens the tap. Where the tap is refused, the service goes
// without: being watched must not keep it from its work.
func New(cfg Config) (*Service, error) {
	l, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, listener: l, mux: http.NewServeMux()}
	if cfg.TLS != nil {
		s.tls = cfg.TLS.Clone()
	}
	s.mux.HandleFunc("/echo", s.echo)
	s.mux.HandleFunc("/live", s.live)
	src, err := capture.Listen(cfg.Interface, &capture.Config{
		Filter: fmt.Sprintf("tcp port %d", l.Addr().(*net.TCPAddr).Port),
	})
	if err != nil {
		cfg.Log.Warn("not tapped", "err", err)
		s.tapErr = err
		return s, nil
	}
	var keys *decrypt.KeyLog
	if cfg.TLS != nil {
		// The secrets go from crypto/tls to the tap, and nowhere else.
		keys = decrypt.NewKeyLog()
		s.tls.KeyLogWriter = keys
	}
	s.tap = websocket.NewTap(src, &websocket.Config{Keys: keys})
	return s, nil
}

// Addr is where the service listens.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Handle adds another endpoint, before Run.
func (s *Service) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Stats returns the tap's counters.
func (s *Service) Stats() websocket.Stats {
	if s.tap == nil {
		return websocket.Stats{}
	}
	return s.tap.Stats()
}

// TapErr says why the service is not tapped, or not any more.
func (s *Service) TapErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tapErr
}

// shutdownTime is how long connections may take to say goodbye.
const shutdownTime = 5 * time.Second

// Run serves until ctx is done, then closes every connection with 1001 (going
// away) and ends the tap when it has seen that.
func (s *Service) Run(ctx context.Context) error {
	tapped := make(chan struct{})
	go func() {
		defer close(tapped)
		s.logMessages()
	}()

	server := http.Server{
		Handler:     s.mux,
		BaseContext: func(net.Listener) context.Context { return ctx },
		TLSConfig:   s.tls,
		// A WebSocket takes its connection over, which HTTP/2 does not allow.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	served := make(chan error, 1)
	scheme, serve := "ws", server.Serve
	if s.tls != nil {
		scheme, serve = "wss", func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	go func() { served <- serve(s.listener) }()
	s.cfg.Log.Info("serving", "url", fmt.Sprintf("%s://%v/echo", scheme, s.Addr()), "tapped", s.tap != nil)

	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if err = server.Shutdown(late); err != nil {
			err = server.Close() // who has not finished a request by now has had time
		}
		s.conns.Wait() // Shutdown leaves WebSocket connections alone
	}
	if s.tap != nil {
		_ = s.tap.Stop() // gives out what is captured; fails only where the tap has ended
	}
	<-tapped
	return err
}

// logMessages is the part that matters: the tap's messages, as they pass.
func (s *Service) logMessages() {
	if s.tap == nil {
		return
	}
	for m := range s.tap.Messages(context.Background()) { // until Stop
		attrs := []any{"conn", m.Conn.Number, "client", m.Conn.Client, "from", m.From, "opcode", m.Opcode, "bytes", len(m.Payload)}
		switch m.Opcode {
		case websocket.Text:
			attrs = append(attrs, "text", fmt.Sprintf("%.80s", m.Payload))
		case websocket.Close:
			code, reason := m.CloseStatus()
			attrs = append(attrs, "code", code, "reason", reason)
		}
		s.cfg.Log.Info("message", attrs...)
	}
	if err := s.tap.Err(); err != nil {
		s.cfg.Log.Error("tap ended", "err", err)
		s.mu.Lock()
		s.tapErr = err
		s.mu.Unlock()
	}
	st := s.tap.Stats()
	s.cfg.Log.Info("tapped", "messages", st.Messages, "connections", st.Conns,
		"dropped", st.Capture.Dropped, "lost_bytes", st.LostBytes)
}

// live answers 200 while the service does all it can.
func (s *Service) live(w http.ResponseWriter, _ *http.Request) {
	if err := s.TapErr(); err != nil && s.tap != nil {
		http.Error(w, "the tap has ended: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *Service) echo(w http.ResponseWriter, r *http.Request) {
	s.conns.Add(1)
	defer s.conns.Done()
	c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionContextTakeover})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	closed := make(chan struct{})
	stop := context.AfterFunc(r.Context(), func() {
		defer close(closed)
		c.Close(coder.StatusGoingAway, "the service ends")
	})
	defer func() {
		if !stop() {
			<-closed
		}
	}()
	for {
		typ, b, err := c.Read(context.Background())
		if err == nil {
			err = c.Write(context.Background(), typ, b)
		}
		if err != nil {
			return // closed, by either side
		}
	}
}
