package peers

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// gobwasConn is an endpoint of gobwas/ws, which leaves messages to its user.
type gobwasConn struct {
	net.Conn
	client, compress bool
	report
}

func (c *gobwasConn) write(f ws.Frame) error {
	if c.client {
		f = ws.MaskFrame(f)
	}
	return ws.WriteFrame(c, f)
}

func (c *gobwasConn) send(m message) error {
	op := ws.OpText
	if m.binary {
		op = ws.OpBinary
	}
	if c.compress {
		f, err := wsflate.CompressFrame(ws.NewFrame(op, true, m.payload))
		if err != nil {
			return err
		}
		if len(m.pieces()) == 1 {
			return c.write(f)
		}
		payload := f.Payload
		f.Header.Fin, f.Payload, f.Header.Length = false, payload[:1], 1
		if err := c.write(f); err != nil {
			return err
		}
		return c.write(ws.NewFrame(ws.OpContinuation, true, payload[1:]))
	}
	pieces := m.pieces()
	for i, b := range pieces {
		if err := c.write(ws.NewFrame(op, i == len(pieces)-1, bytes.Clone(b))); err != nil {
			return err
		}
		op = ws.OpContinuation
	}
	return nil
}

// read returns the next message, or nil at a close frame. It answers control
// frames.
func (c *gobwasConn) read() (*message, error) {
	var whole ws.Frame
	for {
		f, err := ws.ReadFrame(c) //lint:ignore SA1019 the peer is this test
		if err != nil {
			return nil, err
		}
		if f.Header.Masked {
			f = ws.UnmaskFrameInPlace(f)
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			c.Pings = append(c.Pings, string(f.Payload))
			if err := c.write(ws.NewPongFrame(f.Payload)); err != nil {
				return nil, err
			}
			continue
		case ws.OpPong:
			continue
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(f.Payload)
			c.Status = int(code)
			if c.client {
				return nil, nil
			}
			return nil, c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(code, reason)))
		case ws.OpContinuation:
			whole.Payload = append(whole.Payload, f.Payload...)
		default:
			whole = f
		}
		if f.Header.Fin {
			break
		}
	}
	whole.Header.Fin, whole.Header.Length = true, int64(len(whole.Payload))
	if whole.Header.Rsv1() {
		var err error
		if whole, err = wsflate.DecompressFrame(whole); err != nil {
			return nil, err
		}
	}
	m := &message{whole.Header.OpCode == ws.OpBinary, whole.Payload}
	c.add(m.binary, m.payload)
	return m, nil
}

func gobwasClient(compress bool) client {
	return func(ctx context.Context, url string, script []message) (report, error) {
		c := &gobwasConn{client: true}
		var d ws.Dialer
		if compress {
			d.Extensions = []httphead.Option{wsflate.DefaultParameters.Option()}
		}
		conn, early, hs, err := d.Dial(ctx, url)
		if err != nil {
			return c.report, err
		}
		if early != nil {
			return c.report, fmt.Errorf("%d bytes behind the handshake", early.Buffered())
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		c.Conn, c.compress = conn, len(hs.Extensions) > 0
		var extensions bytes.Buffer
		if _, err := httphead.WriteOptions(&extensions, hs.Extensions); err != nil {
			return c.report, err
		}
		c.Extensions = extensions.String()
		for i, m := range script {
			if i == 2 {
				if err := c.write(ws.NewPingFrame([]byte("from the client"))); err != nil {
					return c.report, err
				}
			}
			if err := c.send(m); err != nil {
				return c.report, err
			}
			if _, err := c.read(); err != nil {
				return c.report, err
			}
		}
		if err := c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(closeCode, "done"))); err != nil {
			return c.report, err
		}
		_, err = c.read()
		return c.report, err
	}
}

func gobwasServer(compress bool) handler {
	return func(w http.ResponseWriter, req *http.Request) (report, error) {
		var u ws.HTTPUpgrader
		e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
		if compress {
			u.Negotiate = e.Negotiate
		}
		conn, _, _, err := u.Upgrade(req, w)
		if err != nil {
			return report{}, err
		}
		defer conn.Close()
		c := &gobwasConn{Conn: conn}
		_, c.compress = e.Accepted()
		for {
			m, err := c.read()
			if m == nil {
				return c.report, err
			}
			if len(c.Messages) == 2 {
				if err := c.write(ws.NewPingFrame([]byte("from the server"))); err != nil {
					return c.report, err
				}
			}
			if err := c.send(*m); err != nil {
				return c.report, err
			}
		}
	}
}
