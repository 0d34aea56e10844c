package main

import (
	"context"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/websocket"
)

// ways compares a Tap's channels with Events, which lends what they give: the ratio
// says what owning a message costs.
func ways(_ string, caps []capFile) ([]row, error) {
	var rows []row
	for _, c := range caps[:2] { // many messages a segment, and one
		lent := timed("Events", func() error { return events(c) })
		rows = append(rows,
			row{c.Name, "message", c.holds.Messages, timed("Messages", func() error { return messages(c, 1) }), lent},
			row{c.Name, "message", c.holds.Messages, timed("Batches", func() error { return batches(c) }), lent})
	}
	return rows, nil
}

func batches(c capFile) error {
	src, err := pcapfile.Open(c.path, nil)
	if err != nil {
		return err
	}
	tap := websocket.NewTap(src, nil)
	n, payload := 0, int64(0)
	for batch := range tap.Batches(context.Background()) {
		for _, e := range batch {
			if m, ok := e.(*websocket.Message); ok {
				n++
				payload += int64(len(m.Payload))
			}
		}
	}
	return check(c, n, payload, tap.Err())
}
