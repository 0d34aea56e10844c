// Package gopipe finds the WebSocket messages of a capture file with gopacket,
// its reassembly, gobwas/ws and compress/flate, as a careful user of theirs
// would: frames read without a copy, one reused parser, one pass over each
// stream. It is what wstap is compared with.
package gopipe

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gobwas/ws"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/reassembly"
)

// A Summary counts messages, control frames included, and their payload bytes,
// inflated.
type Summary struct {
	Messages int
	Payload  int64
}

// Messages reads a pcap file of Ethernet frames and calls f for each message;
// f may be nil. The payload is borrowed.
func Messages(r io.Reader, f func(op ws.OpCode, payload []byte)) (Summary, error) {
	file, err := pcapgo.NewReader(bufio.NewReaderSize(r, 1<<20))
	if err != nil {
		return Summary{}, err
	}
	factory := &factory{f: f}
	assembler := reassembly.NewAssembler(reassembly.NewStreamPool(factory))
	d := NewDecoder()
	var ctx context
	for {
		data, ci, err := file.ZeroCopyReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			return factory.sum, err
		}
		if d.Decode(data) != nil {
			continue
		}
		if flow, tcp := d.tcpFlow(); tcp != nil {
			ctx.ci = ci
			assembler.AssembleWithContext(flow, tcp, &ctx)
		}
	}
	assembler.FlushAll()
	return factory.sum, nil
}

type context struct{ ci gopacket.CaptureInfo }

func (c *context) GetCaptureInfo() gopacket.CaptureInfo { return c.ci }

type factory struct {
	sum Summary
	f   func(ws.OpCode, []byte)
}

func (f *factory) New(_, _ gopacket.Flow, _ *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	s := &stream{factory: f}
	s.sides[0].stream, s.sides[1].stream = s, s
	return s
}

// stream is one connection.
type stream struct {
	*factory
	sides   [2]side
	deflate bool
	broken  bool
}

// side is one direction of it.
type side struct {
	*stream
	open    bool // the handshake is behind us
	op      ws.OpCode
	packed  bool
	message []byte // fragments so far
	plain   []byte
	inflate io.ReadCloser
	window  []byte // the last 32 KiB of what was inflated
	out     bytes.Buffer
}

func (s *stream) Accept(*layers.TCP, gopacket.CaptureInfo, reassembly.TCPFlowDirection, reassembly.Sequence, *bool, reassembly.AssemblerContext) bool {
	return true
}

func (s *stream) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	dir, _, _, skip := sg.Info()
	if skip > 0 {
		s.broken = true
	}
	if s.broken {
		return
	}
	n, _ := sg.Lengths()
	side := &s.sides[0]
	if dir == reassembly.TCPDirServerToClient {
		side = &s.sides[1]
	}
	used, err := side.read(sg.Fetch(n))
	if err != nil {
		s.broken = true
		return
	}
	sg.KeepFrom(used)
}

func (s *stream) ReassemblyComplete(reassembly.AssemblerContext) bool { return true }

// read takes what is whole and returns how many bytes that was.
func (s *side) read(b []byte) (used int, err error) {
	if !s.open {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, nil
		}
		used = end + 4
		if err := s.handshake(b[:used]); err != nil {
			return 0, err
		}
		s.open = true
	}
	r := bytes.NewReader(nil)
	for {
		r.Reset(b[used:])
		h, err := ws.ReadHeader(r)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return used, nil
		}
		if err != nil {
			return used, err
		}
		if h.Length > int64(r.Len()) {
			return used, nil
		}
		start := len(b) - r.Len()
		end := start + int(h.Length)
		if err := s.frame(h, b[start:end]); err != nil {
			return used, err
		}
		used = end
	}
}

func (s *side) handshake(b []byte) error {
	r := bufio.NewReader(bytes.NewReader(b))
	if s == &s.sides[0] {
		_, err := http.ReadRequest(r)
		return err
	}
	resp, err := http.ReadResponse(r, nil)
	if err == nil {
		s.deflate = strings.Contains(resp.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate")
	}
	return err
}

func (s *side) frame(h ws.Header, b []byte) error {
	if h.Masked {
		s.plain = append(s.plain[:0], b...)
		b = s.plain
		ws.Cipher(b, h.Mask, 0)
	}
	if h.OpCode.IsControl() {
		s.give(h.OpCode, b)
		return nil
	}
	if h.OpCode != ws.OpContinuation {
		s.op, s.packed, s.message = h.OpCode, h.Rsv1(), s.message[:0]
	}
	if !h.Fin || h.OpCode == ws.OpContinuation {
		s.message = append(s.message, b...)
		b = s.message
	}
	if !h.Fin {
		return nil
	}
	if s.packed && s.deflate {
		var err error
		if b, err = s.unpack(b); err != nil {
			return err
		}
	}
	s.give(s.op, b)
	return nil
}

var tail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

func (s *side) unpack(b []byte) ([]byte, error) {
	src := io.MultiReader(bytes.NewReader(b), bytes.NewReader(tail))
	if s.inflate == nil {
		s.inflate = flate.NewReader(src)
	} else if err := s.inflate.(flate.Resetter).Reset(src, s.window); err != nil {
		return nil, err
	}
	s.out.Reset()
	if _, err := s.out.ReadFrom(s.inflate); err != nil {
		return nil, err
	}
	b = s.out.Bytes()
	s.window = append(s.window, b...)
	if n := len(s.window) - 32<<10; n > 0 {
		s.window = s.window[:copy(s.window, s.window[n:])]
	}
	return b, nil
}

func (s *stream) give(op ws.OpCode, b []byte) {
	s.sum.Messages++
	s.sum.Payload += int64(len(b))
	if s.f != nil {
		s.f(op, b)
	}
}
