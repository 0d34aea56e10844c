package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/examples/wsdump/web"
	"github.com/wstap/wstap/examples/wsdump/web/store"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/limits"
	"github.com/wstap/wstap/websocket"
)

// A pageOptions holds what is asked of the page.
type pageOptions struct {
	web       bool   // --web
	webAddr   string // of --web; empty: loopback and a free port
	webMemory int64  // --web-memory; 0 is the default
}

var pageFlags = []cli.Option[options]{
	{Long: "web", Maybe: true, Next: isAddrPort, Set: func(o *options, v string) error {
		o.web, o.webAddr = true, v
		if v == "" {
			return nil
		}
		_, _, err := splitAddr(v)
		return err
	}},
	cli.Arg(0, "web-memory", func(o *options, v string) (err error) {
		o.webMemory, err = limits.Size(v)
		if err == nil && o.webMemory < 1<<20 {
			return errors.New("must be 1M or more")
		}
		return err
	}),
}

// isAddrPort says that an argument behind --web is its address: no filter begins so.
func isAddrPort(arg string) bool {
	_, _, err := net.SplitHostPort(arg)
	return err == nil && isPageAddr([]string{arg})
}

// splitAddr reads HOST:PORT, HOST, :PORT or PORT. Where no host is named it is this
// machine's own.
func splitAddr(v string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(v)
	switch {
	case err == nil:
	case isNumber(v):
		host, port = "", v
	default:
		host, port = strings.TrimSuffix(strings.TrimPrefix(v, "["), "]"), "0"
		if strings.ContainsRune(host, ':') {
			if _, err := netip.ParseAddr(host); err != nil {
				return "", "", errors.New("must be an address such as 127.0.0.1:8080")
			}
		}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "0"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", errors.New("must be an address such as 127.0.0.1:8080")
	}
	return host, port, nil
}

// A page is what --web serves. A nil page serves nothing.
type page struct {
	opt      *options
	listener net.Listener
	store    *store.Store
	server   *web.Server
	served   chan struct{}
	begun    bool
	ended    atomic.Bool
	failed   atomic.Pointer[string]

	of subject

	mu    sync.Mutex
	last  web.Status
	taken time.Time // when last was
}

// A subject is what a page shows.
type subject struct {
	source  string
	live    bool
	packets *kept
	stats   func() websocket.Stats
	lines   func(io.Writer, websocket.Stats)  // the closing lines
	reasons func(io.Writer, *websocket.Stats) // why there are no messages
}

// openPage listens where --web says. It comes before root is given up, and before
// the demo's process enters its own network, where no browser is.
func (o *options) openPage() (*page, error) {
	if !o.web {
		return nil, nil
	}
	host, port, err := splitAddr(o.webAddr)
	if err != nil {
		return nil, err
	}
	p := &page{opt: o, served: make(chan struct{})}
	if p.listener = inheritedListener(); p.listener == nil {
		if p.listener, err = net.Listen(networkOf(host), net.JoinHostPort(host, port)); err != nil {
			return nil, fmt.Errorf("--web: %w", err)
		}
	}
	p.store = store.New(&store.Config{Memory: o.pageMemory(), ShowSecrets: o.secrets})
	return p, nil
}

// networkOf is the network to listen in: an address of IPv4, 0.0.0.0 too, does not
// open IPv6.
func networkOf(host string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// pageMemory is the part of all memory that the page's messages have.
func (o *options) pageMemory() int64 {
	switch {
	case !o.web:
		return 0
	case o.webMemory > 0:
		return o.webMemory
	}
	return min(256<<20, o.allowed()/4)
}

// Encode stores an event.
func (p *page) Encode(ev websocket.Event) error {
	p.store.Add(ev)
	return nil
}

// addr is where the page is.
func (p *page) addr() netip.AddrPort {
	return p.listener.Addr().(*net.TCPAddr).AddrPort()
}

// begin serves the page and says where.
func (p *page) begin(of subject) {
	if p == nil {
		return
	}
	p.of = of
	host, _, _ := splitAddr(p.opt.webAddr)
	cfg := &web.Config{Store: p.store, Status: p.status, Host: host, NoPackets: of.packets.why, Version: version()}
	if of.packets.why == "" {
		cfg.Packets = of.packets.write
	}
	p.server = web.New(cfg)
	p.begun = true
	go func() {
		defer close(p.served)
		if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(os.Stderr, "wsdump: --web: %s\n", explain(err))
		}
	}()
	if a := p.addr().Addr(); !a.IsLoopback() {
		fmt.Fprintf(os.Stderr, "wsdump: --web on %s is open to the network: who has its address with the token reads everything, and it goes there unencrypted\n", a)
	}
	fmt.Fprintf(os.Stderr, "wsdump: the page is at %s\n", p.server.URL(p.listener.Addr()))
}

// sourceName is what the page calls the source, which of a messageFile is nil.
func (o *options) sourceName(s *source) string {
	switch {
	case o.demo:
		return "demo"
	case o.read == "-":
		return "standard input"
	case o.read != "":
		return quoteArg(strings.Join(append([]string{o.read}, o.more...), ", "))
	}
	return quoteArg(s.Info().Name)
}

// status tells the page how the capture goes. It counts ten times a second at the most.
func (p *page) status() web.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended := p.ended.Load()
	if time.Since(p.taken) < 100*time.Millisecond && p.last.Ended == ended {
		return p.last
	}
	s := p.of.stats()
	messages, conns := p.opt.shown(&s)
	var text bytes.Buffer
	p.of.lines(&text, s)
	p.last = web.Status{
		Source: p.of.source, Live: p.of.live, Ended: ended, Failed: p.failed.Load(),
		Lines: strings.Split(strings.TrimRight(text.String(), "\n"), "\n"),
		Totals: web.Totals{
			Messages: messages, Connections: conns, Active: s.Active,
			Packets: s.Capture.Captured, Received: s.Capture.Received,
		},
		Losses: web.Losses{
			KernelDrops: s.Capture.Dropped, Gaps: s.Reassembly.Gaps, LostBytes: s.LostBytes,
			WithoutKeys: s.TLS.KeylessConns + s.TLS.LateConns + s.TLS.OldConns + s.TLS.UnsupportedConns,
			Undecoded:   s.Undecoded, Truncated: s.Traffic[0].Truncated + s.Traffic[1].Truncated,
			Unselected: s.Unselected, Copies: s.Messages - messages,
		},
	}
	if messages == 0 {
		text.Reset()
		p.of.reasons(&text, &s)
		why := strings.TrimRight(text.String(), "\n")
		p.last.Why = &why
	}
	p.taken = time.Now()
	return p.last
}

// report is the function report, and has the page tell too why the capture failed.
func (p *page) report(err error) int {
	status := report(err)
	if p != nil && status != 0 && !errors.As(err, new(exitStatus)) {
		why := explain(err)
		p.failed.Store(&why)
	}
	return status
}

// linger goes on serving after the end of the capture, until a signal.
func (p *page) linger() {
	if p == nil || !p.begun {
		return
	}
	p.ended.Store(true)
	if !p.opt.end.within(0) {
		fmt.Fprintln(os.Stderr, "wsdump: the page goes on until Ctrl-C")
	}
	<-p.opt.end.asked
}

// close ends the page.
func (p *page) close() {
	if p == nil {
		return
	}
	if p.begun {
		_ = p.server.Close()
		<-p.served
	}
	p.listener.Close()
	p.store.Close()
}

// exclude returns a filter that passes what the user's does, but for the page's own
// connections. What is asked for stands last, for it may change how the rest is read
// ("vlan").
func (p *page) exclude(filter string) string {
	own := p.addr()
	hosts := []string{own.Addr().Unmap().WithZone("").String()}
	if own.Addr().IsUnspecified() {
		hosts = nil
		addrs, _ := net.InterfaceAddrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				hosts = append(hosts, n.IP.String())
			}
		}
	}
	var to []string
	for _, side := range []string{"src", "dst"} {
		at := side + " host " + strings.Join(hosts, " or "+side+" host ")
		to = append(to, fmt.Sprintf("tcp %s port %d and (%s)", side, own.Port(), at))
	}
	expr := "not (" + strings.Join(to, " or ") + ")"
	if strings.TrimSpace(filter) != "" {
		expr += " and (" + filter + ")"
	}
	return expr
}
