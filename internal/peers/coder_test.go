package peers

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/coder/websocket"
)

var coderOpcodes = map[bool]websocket.MessageType{false: websocket.MessageText, true: websocket.MessageBinary}

func coderSend(ctx context.Context, c *websocket.Conn, m message) error {
	w, err := c.Writer(ctx, coderOpcodes[m.binary])
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

// coderRead reads until the connection ends, and notes what comes in r, which
// belongs to the caller again once the channel is closed. Somebody must read
// while Ping and Close wait for their answers.
func coderRead(ctx context.Context, c *websocket.Conn, r *report) <-chan message {
	list := make(chan message)
	go func() {
		defer close(list)
		for {
			typ, b, err := c.Read(ctx)
			if ce := (websocket.CloseError{}); errors.As(err, &ce) {
				r.Status = int(ce.Code)
			}
			if err != nil {
				return
			}
			r.add(typ == websocket.MessageBinary, b)
			select {
			case list <- message{typ == websocket.MessageBinary, b}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return list
}

func coderClient(mode websocket.CompressionMode, threshold int) client {
	return func(ctx context.Context, url string, script []message) (report, error) {
		var r report
		c, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{
			CompressionMode: mode, CompressionThreshold: threshold, OnPingReceived: r.onPing})
		if err != nil {
			return r, err
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		r.Extensions = res.Header.Get("Sec-WebSocket-Extensions")
		echoes := coderRead(ctx, c, &r)
		for i, m := range script {
			if i == 2 {
				if err := c.Ping(ctx); err != nil {
					return report{}, err
				}
			}
			if err := coderSend(ctx, c, m); err != nil {
				return report{}, err
			}
			if _, ok := <-echoes; !ok {
				return report{}, fmt.Errorf("no echo of message %d", i)
			}
		}
		if err := c.Close(closeCode, "done"); err != nil {
			return report{}, err
		}
		<-echoes
		// Close takes the answer from the reader, sometimes, and is content only
		// where it repeats the code.
		r.Status = closeCode
		return r, nil
	}
}

func coderServer(mode websocket.CompressionMode, threshold int) handler {
	return func(w http.ResponseWriter, req *http.Request) (report, error) {
		var r report
		c, err := websocket.Accept(w, req, &websocket.AcceptOptions{
			CompressionMode: mode, CompressionThreshold: threshold, OnPingReceived: r.onPing})
		if err != nil {
			return r, err
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		ctx, cancel := context.WithCancel(req.Context())
		defer cancel()
		n := 0
		for m := range coderRead(ctx, c, &r) {
			if n++; n == 2 {
				if err := c.Ping(ctx); err != nil {
					return report{}, err
				}
			}
			if err := coderSend(ctx, c, m); err != nil {
				return report{}, err
			}
		}
		return r, nil
	}
}
