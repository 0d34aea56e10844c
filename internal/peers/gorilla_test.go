package peers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// Messages longer than the buffer go out in fragments.
const gorillaBuffer = 20000

var gorillaOpcodes = map[bool]int{false: websocket.TextMessage, true: websocket.BinaryMessage}

func gorillaSend(c *websocket.Conn, m message) error {
	w, err := c.NextWriter(gorillaOpcodes[m.binary])
	if err != nil {
		return err
	}
	for _, b := range m.pieces() {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Close()
}

// gorillaRead notes the next message in r. It is nil where a close frame came.
func gorillaRead(c *websocket.Conn, r *report) (*message, error) {
	typ, b, err := c.ReadMessage()
	if ce := (*websocket.CloseError)(nil); errors.As(err, &ce) {
		r.Status = ce.Code
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.add(typ == websocket.BinaryMessage, b)
	return &message{typ == websocket.BinaryMessage, b}, nil
}

func gorillaWatch(c *websocket.Conn, r *report) {
	answer := c.PingHandler()
	c.SetPingHandler(func(data string) error {
		r.Pings = append(r.Pings, data)
		return answer(data)
	})
}

func gorillaClient(compress, mixed bool) client {
	return func(ctx context.Context, url string, script []message) (r report, err error) {
		d := websocket.Dialer{EnableCompression: compress, WriteBufferSize: gorillaBuffer}
		c, res, err := d.DialContext(ctx, url, nil)
		if err != nil {
			return r, err
		}
		defer c.Close()
		defer context.AfterFunc(ctx, func() { c.Close() })()
		r.Extensions = res.Header.Get("Sec-WebSocket-Extensions")
		gorillaWatch(c, &r)
		for i, m := range script {
			if i == 2 {
				if err := c.WriteControl(websocket.PingMessage, []byte("from the client"), time.Time{}); err != nil {
					return r, err
				}
			}
			c.EnableWriteCompression(!mixed || i%2 == 0)
			if err := gorillaSend(c, m); err != nil {
				return r, err
			}
			if _, err := gorillaRead(c, &r); err != nil {
				return r, err
			}
		}
		if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(closeCode, "done"), time.Time{}); err != nil {
			return r, err
		}
		_, err = gorillaRead(c, &r)
		return r, err
	}
}

func gorillaServer(compress, mixed bool) handler {
	return func(w http.ResponseWriter, req *http.Request) (r report, err error) {
		u := websocket.Upgrader{EnableCompression: compress, WriteBufferSize: gorillaBuffer}
		c, err := u.Upgrade(w, req, nil)
		if err != nil {
			return r, err
		}
		defer c.Close()
		gorillaWatch(c, &r)
		for {
			m, err := gorillaRead(c, &r)
			if m == nil {
				return r, err
			}
			if len(r.Messages) == 2 {
				if err := c.WriteControl(websocket.PingMessage, []byte("from the server"), time.Time{}); err != nil {
					return r, err
				}
			}
			c.EnableWriteCompression(!mixed || len(r.Messages)%2 == 0)
			if err := gorillaSend(c, *m); err != nil {
				return r, err
			}
		}
	}
}
