package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

// chooseOptions say which messages are shown, counted and written.
var chooseOptions = []cli.Option[options]{
	cli.Arg(0, "match", func(o *options, v string) error {
		return o.choose(func(s *websocket.Selection) { s.Match = append(s.Match, v) })
	}),
	cli.Arg(0, "not-match", func(o *options, v string) error {
		return o.choose(func(s *websocket.Selection) { s.NotMatch = append(s.NotMatch, v) })
	}),
	cli.Arg(0, "only", func(o *options, v string) error {
		return o.choose(func(s *websocket.Selection) { s.Only = append(s.Only, strings.Split(v, ",")...) })
	}),
	cli.Arg(0, "url", func(o *options, v string) error {
		return o.choose(func(s *websocket.Selection) { s.URLs = append(s.URLs, v) })
	}),
	cli.Arg(0, "from", func(o *options, v string) error {
		for _, dir := range []websocket.Direction{websocket.FromClient, websocket.FromServer} {
			if v == dir.String() {
				return o.choose(func(s *websocket.Selection) { s.From = append(s.From, dir) })
			}
		}
		return errors.New("must be client or server")
	}),
	cli.Arg(0, "conn", func(o *options, v string) error {
		for w := range strings.SplitSeq(v, ",") {
			n, err := strconv.ParseUint(strings.TrimPrefix(w, "#"), 10, 64)
			if err != nil || n == 0 {
				return fmt.Errorf("must be numbers from 1, with commas between: %s is none", quoteArg(w))
			}
			o.selection.Conns = append(o.selection.Conns, n)
		}
		return o.choose(func(*websocket.Selection) {})
	}),
}

// choose changes the selection and refuses what cannot be compiled.
func (o *options) choose(change func(*websocket.Selection)) (err error) {
	change(&o.selection)
	if o.selector, err = o.selection.Compile(); err != nil {
		return errors.New(quoteArg(err.Error()))
	}
	return nil
}

// A chooser passes events of chosen connections on. Where messages of a connection
// are chosen, what else there is to tell of it waits for the first of them.
type chooser struct {
	printer
	selector *websocket.Selector
	waiting  map[uint64]websocket.Open // by number, until a message is chosen
}

// chosen puts the selection before p.
func (o *options) chosen(p printer) printer {
	if o.selector == nil {
		return p
	}
	return &chooser{p, o.selector, make(map[uint64]websocket.Open)}
}

func (c *chooser) Encode(ev websocket.Event) error {
	switch ev := ev.(type) {
	case *websocket.Open:
		if c.selector.Narrow() && c.selector.Conn(ev.Conn) {
			c.waiting[ev.Conn.Number] = *ev
			return nil
		}
		return c.pass(ev.Conn, ev)
	case *websocket.Message:
		if open, waits := c.waiting[ev.Conn.Number]; waits {
			delete(c.waiting, ev.Conn.Number)
			if err := c.printer.Encode(&open); err != nil {
				return err
			}
		}
		return c.printer.Encode(ev) // was chosen before
	case *websocket.Gap:
		return c.pass(ev.Conn, ev)
	case *websocket.End:
		err := c.pass(ev.Conn, ev)
		delete(c.waiting, ev.Conn.Number)
		return err
	}
	return c.printer.Encode(ev)
}

// pass passes on what a connection tells besides messages.
func (c *chooser) pass(conn *websocket.Conn, ev websocket.Event) error {
	if _, waits := c.waiting[conn.Number]; waits || !c.selector.Conn(conn) {
		return nil
	}
	return c.printer.Encode(ev)
}
