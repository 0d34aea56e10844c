// Package capgen writes captures of WebSocket traffic whose contents are known:
// the input of the comparisons with other people's code.
package capgen

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"github.com/gobwas/ws"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// A Workload describes a capture. All connections are opened, then take turns:
// each sends a batch of messages that share segments, client and server
// alternating, and the other side acknowledges.
type Workload struct {
	Name     string
	Messages int
	Size     int // payload bytes of a message
	Batch    int // messages sent at once; segments are of 1460 bytes
	Conns    int
	Deflate  bool // permessage-deflate with context takeover in both directions
	TLS      bool // 1.3, each batch a record or several, whose keys are the same in no two captures
}

// Workloads are those of the table, of about n small messages each.
func Workloads(n int) []Workload {
	return []Workload{
		{Name: "many messages a segment", Messages: n, Size: 60, Batch: 20, Conns: 100},
		{Name: "one message a segment", Messages: n, Size: 60, Batch: 1, Conns: 100},
		{Name: "compressed", Messages: n, Size: 300, Batch: 1, Conns: 100, Deflate: true},
		{Name: "large messages", Messages: max(n/1000, 10), Size: 256 << 10, Batch: 1, Conns: 10},
		{Name: "10,000 connections", Messages: n, Size: 60, Batch: 1, Conns: 10000},
	}
}

// TLS is the one that is sent over TLS as well: messages that fill a segment, about n/5.
func TLS(n int) Workload {
	return Workload{Name: "messages of 1400 bytes", Messages: max(n/5, 10), Size: 1400, Batch: 1, Conns: 10}
}

// A Summary is what a reader of the capture must find.
type Summary struct {
	Messages int
	Payload  int64 // bytes, inflated
}

const (
	request = "GET /chat HTTP/1.1\r\nHost: chat.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Origin: http://chat.example\r\nUser-Agent: capgen\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	response = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
)

// Create writes the capture to a file, the same bytes every time but for TLS, whose
// secrets go to its KeyLog.
func (w Workload) Create(name string) (Summary, error) {
	out, err := pcapfile.Create(name, decode.LinkEthernet, nil)
	if err != nil {
		return Summary{}, err
	}
	var keys bytes.Buffer
	sum, err := w.Write(out, &keys)
	if err == nil && w.TLS {
		err = os.WriteFile(KeyLog(name), keys.Bytes(), 0o600)
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(name)
	}
	return sum, err
}

// conn is one connection of the capture.
type conn struct {
	*packetgen.Conversation
	deflate [2]*flate.Writer
	out     [2]*bytes.Buffer
	from    packetgen.Side
	tls     *secured // nil: none
}

// say has a side send bytes.
func (c *conn) say(from packetgen.Side, b []byte) error {
	if c.tls != nil {
		var err error
		if b, err = c.tls.seal(from, b); err != nil {
			return err
		}
	}
	c.Send(from, b)
	return nil
}

// secure shakes hands for TLS.
func (c *conn) secure(keys io.Writer) error {
	s, passed, err := secure(keys)
	if err != nil {
		return err
	}
	for _, p := range passed {
		c.Send(p.from, p.data)
	}
	c.tls = s
	return nil
}

// Write writes the capture, and the secrets of TLS to keys.
func (w Workload) Write(out *pcapfile.Writer, keys io.Writer) (Summary, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	clock := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	extra := ""
	if w.Deflate {
		extra = extension
	}
	conns := make([]conn, w.Conns)
	flush := func(c *conn) error {
		clock = c.Time
		for _, p := range c.Packets {
			f := capture.Frame{Data: p.Frame, Length: len(p.Frame), Time: p.Time, Link: decode.LinkEthernet}
			if err := out.WriteFrame(&f); err != nil {
				return err
			}
		}
		c.Packets = c.Packets[:0]
		return nil
	}
	for i := range conns {
		c := &conns[i]
		c.Conversation = packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), uint16(20000+i%40000))
		c.Time, c.Step = clock, time.Microsecond
		c.ISN = [2]uint32{rng.Uint32(), rng.Uint32()}
		for d := range c.deflate {
			if w.Deflate {
				c.out[d] = new(bytes.Buffer)
				c.deflate[d], _ = flate.NewWriter(c.out[d], flate.BestSpeed)
			}
		}
		if w.TLS {
			c.Server = netip.AddrPortFrom(c.Server.Addr(), 443)
		}
		c.Open()
		if w.TLS {
			if err := c.secure(keys); err != nil {
				return Summary{}, err
			}
		}
		if err := c.say(packetgen.Client, []byte(request+extra+"\r\n")); err != nil {
			return Summary{}, err
		}
		if err := c.say(packetgen.Server, []byte(response+extra+"\r\n")); err != nil {
			return Summary{}, err
		}
		if err := flush(c); err != nil {
			return Summary{}, err
		}
	}
	var sum Summary
	var batch []byte
	for i := 0; sum.Messages < w.Messages; i++ {
		c := &conns[i%len(conns)]
		c.Time = clock
		batch = batch[:0]
		for j := 0; j < w.Batch && sum.Messages < w.Messages; j++ {
			payload := text(rng, sum.Messages, w.Size)
			sum.Messages++
			sum.Payload += int64(len(payload))
			var err error
			if batch, err = c.frame(batch, rng, payload); err != nil {
				return sum, err
			}
		}
		if err := c.say(c.from, bytes.Clone(batch)); err != nil {
			return sum, err
		}
		c.from = c.from.Other()
		if err := flush(c); err != nil {
			return sum, err
		}
	}
	for i := range conns {
		c := &conns[i]
		c.Time = clock
		c.Close(packetgen.Client)
		if err := flush(c); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// frame appends one message as its sender sends it.
func (c *conn) frame(b []byte, rng *rand.Rand, payload []byte) ([]byte, error) {
	h := ws.Header{Fin: true, OpCode: ws.OpText}
	if z := c.deflate[c.from]; z != nil {
		buf := c.out[c.from]
		buf.Reset()
		if _, err := z.Write(payload); err != nil {
			return nil, err
		}
		if err := z.Flush(); err != nil {
			return nil, err
		}
		payload = bytes.TrimSuffix(buf.Bytes(), []byte{0, 0, 0xff, 0xff})
		h.Rsv = ws.Rsv(true, false, false)
	}
	if c.from == packetgen.Client {
		h.Masked = true
		for i := range h.Mask {
			h.Mask[i] = byte(rng.Uint32())
		}
		ws.Cipher(payload, h.Mask, 0) // payload is ours
	}
	h.Length = int64(len(payload))
	out := bytes.NewBuffer(b)
	if err := ws.WriteHeader(out, h); err != nil {
		return nil, err
	}
	out.Write(payload)
	return out.Bytes(), nil
}

var words = []string{"hi", "all", "the", "chat", "server", "says", "nothing", "new", "today", "mynick", "online",
	"everyone", "see", "you", "tomorrow", "lunch", "at", "noon", "build", "is", "green", "red", "again", "who", "broke", "it"}

// text is a chat message of JSON, of exactly n bytes.
func text(rng *rand.Rand, i, n int) []byte {
	b := fmt.Appendf(make([]byte, 0, n+16), `{"type":"say","from":"%08x","n":%d,"content":"`, rng.Uint32(), i)
	for len(b) < n-2 {
		b = append(b, words[rng.IntN(len(words))]...)
		b = append(b, ' ')
	}
	return append(b[:n-2], `"}`...)
}
