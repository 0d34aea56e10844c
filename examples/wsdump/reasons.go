package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

// printReasons says why there are no messages: what there was instead.
func printReasons(w io.Writer, s *websocket.Stats) {
	if s.Capture.Captured == 0 {
		why := "no packet passed the filter"
		if s.Capture.Received > 0 {
			why = "no packet was read"
		}
		fmt.Fprintf(w, "no messages: %s\n", why)
		return
	}
	r := &s.Reassembly
	var withData uint64
	for _, n := range s.Protocols {
		withData += n
	}
	if s.Unselected > 0 {
		fmt.Fprintf(w, "no messages: none of %s was selected\n", cli.Quantity(s.Unselected, "message"))
		return
	}
	fmt.Fprintf(w, "no messages: among %s\n", cli.Quantity(s.Capture.Captured, "packet"))
	empty := uint64(0)
	if r.Flows > withData {
		empty = r.Flows - withData
	}
	for _, reason := range []struct {
		n          uint64
		unit, what string
	}{
		{s.Protocols[websocket.ProtocolTLS], "TCP connection", " in TLS that was not opened"},
		{s.Protocols[websocket.ProtocolHTTP], "TCP connection", " of HTTP without an accepted WebSocket"},
		{s.Protocols[websocket.ProtocolHTTP2], "TCP connection", " of HTTP/2 without a WebSocket"},
		{s.Protocols[websocket.ProtocolUnknown], "TCP connection", " not understood"},
		{s.Protocols[websocket.ProtocolMidstream], "TCP connection", " joined late, without a sign of a WebSocket so far"},
		{s.Protocols[websocket.ProtocolWebSocket], "WebSocket connection", " without a message so far"},
		{s.Protocols[websocket.ProtocolUndecided], "TCP connection", " of which too little was seen"},
		{empty, "TCP connection", " without data"},
		{r.Stray, "TCP segment", " of no connection"},
		{r.Tunneled, "packet", " in tunnels that --no-tunnels leaves closed"},
		{r.ESP, "packet", " encrypted by IPsec"},
		{r.QUIC, "packet", " of QUIC (HTTP/3), which is not read"},
		{r.Other - r.Tunneled - r.ESP - r.QUIC, "packet", " not TCP"},
		{s.CutHeaders, "packet", " of which too little was captured: a larger -s helps"},
		{s.OddLinks, "packet", " of a link type that is not known"},
		{s.Undecoded - s.CutHeaders - s.OddLinks, "packet", " that contradict themselves"},
	} {
		if reason.n > 0 {
			fmt.Fprintf(w, "\t%s%s\n", cli.Quantity(reason.n, reason.unit), reason.what)
		}
	}
}

// skippedBytes leaves out those of connections of which it is known that they are
// no WebSockets: nobody looked for frames in them.
func skippedBytes(s *websocket.Stats) uint64 {
	p := &s.Protocols
	if p[websocket.ProtocolWebSocket]+p[websocket.ProtocolMidstream]+p[websocket.ProtocolUnknown] == 0 && p[websocket.ProtocolTLS]+p[websocket.ProtocolHTTP]+p[websocket.ProtocolHTTP2] > 0 {
		return 0
	}
	return s.SkippedBytes
}

// wondering is how long there may be traffic without a message before somebody
// wonders.
const wondering = 5 * time.Second

// wonder says once why there are no messages, where there is traffic.
func (o *options) wonder(over <-chan struct{}, stats func() websocket.Stats) {
	tick := time.NewTicker(wondering / 10)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-over:
			return
		case <-o.end.asked: // the closing lines say it
			return
		case <-tick.C:
		}
		switch s := stats(); {
		case s.Messages+s.Unselected > 0:
			return
		case s.Capture.Captured == 0:
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= wondering:
			fmt.Fprint(os.Stderr, "wsdump: ")
			printReasons(os.Stderr, &s)
			o.printTLS(os.Stderr, &s)
			return
		}
	}
}
