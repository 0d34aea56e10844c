package main

import (
	"errors"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/limits"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

// A memory holds the budgets that are given, in bytes; 0 is the default.
type memory struct {
	most       int64 // --memory
	maxMessage int64 // --max-message
	limit      int64 // what the process may take, once it is known
}

var memoryFlags = []cli.Option[options]{
	cli.Arg(0, "memory", func(o *options, v string) (err error) {
		o.most, err = limits.Size(v)
		if err == nil && o.most < limits.Least {
			return errors.New("must be 16M or more")
		}
		return err
	}),
	cli.Arg(0, "max-message", func(o *options, v string) (err error) {
		o.maxMessage, err = limits.Size(v)
		return err
	}),
}

// allowed returns how many bytes the process may take.
func (o *options) allowed() int64 {
	if o.limit == 0 {
		o.limit = limits.Allowed(o.most)
	}
	return o.limit
}

// outputMemory returns how many bytes may wait for the reader of the output. What is
// live waits for nobody: the more, the longer a reader may pause before packets are lost.
func (o *options) outputMemory(live bool) int {
	b := limits.BudgetsOf(o.allowed() - o.pageMemory())
	switch {
	case !live:
		return min(b.Output, readAhead)
	case o.write == "":
		return b.Output + b.Queue // which is for packets of -w
	}
	return b.Output
}

// tapConfig returns what the tap is to do: by default it looks into tunnels.
func (o *options) tapConfig() (*websocket.Config, error) {
	most := o.allowed()
	limits.Collect(most)
	page := o.pageMemory()
	if page > most/2 {
		return nil, usagef("--web-memory %s does not fit into %d MiB: raise --memory", limits.SizeText(page), most>>20)
	}
	cfg, err := limits.Config(most-page, o.maxMessage)
	if err != nil {
		return nil, usagef("%v", err)
	}
	cfg.Select, cfg.Keys, cfg.OnlyWebSocket = o.selector, o.keys, o.websocket
	if !o.noTunnels {
		cfg.Reassembly.Tunnels = reassembly.AllTunnels
	}
	return cfg, nil
}
