package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

const (
	// usualMemory is what wsdump makes do with where nothing is scarce, and
	// leastMemory what it needs at the least.
	usualMemory = 1 << 30
	leastMemory = 16 << 20
)

// A memory holds the budgets that are given, in bytes; 0 is the default.
type memory struct {
	most       int64 // --memory
	maxMessage int64 // --max-message
}

var memoryFlags = []cli.Option[options]{
	cli.Arg(0, "memory", func(o *options, v string) (err error) {
		o.most, err = size(v)
		if err == nil && o.most < leastMemory {
			return errors.New("must be 16M or more")
		}
		return err
	}),
	cli.Arg(0, "max-message", func(o *options, v string) (err error) {
		o.maxMessage, err = size(v)
		return err
	}),
}

// size reads a number of bytes, in which K, M and G are 1024, its square and its
// cube.
func size(v string) (int64, error) {
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(v), "B"), "I")
	unit := int64(1)
	for i, letter := range []string{"K", "M", "G"} {
		if before, ok := strings.CutSuffix(digits, letter); ok {
			digits, unit = before, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt/unit {
		return 0, errors.New("must be a size such as 64M")
	}
	return n * unit, nil
}

// allowed returns how many bytes the process may take: of --memory, GOMEMLIMIT, a
// cgroup and what is usual, the first that is given, or the least.
func (o *options) allowed() int64 {
	if o.most > 0 {
		return o.most
	}
	most := min(usualMemory, debug.SetMemoryLimit(-1))
	if limit, ok := cgroupLimit("/"); ok {
		most = min(most, limit/10*9) // the rest is the kernel's, for what it keeps for us
	}
	return max(most, leastMemory)
}

// limitMemory has the collector work harder, rather than let garbage take as much
// as what is in use, before the budgets are all used up.
func limitMemory(most int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(most / 10 * 8)
	}
}

// budgets are parts of the memory that is allowed: together they are less.
type budgets struct {
	message, buffered, windows, heads, waiting, bytes, flowBytes, fragments, flows, queue int
}

func budgetsOf(most int64) budgets {
	part := func(of, limit int64) int { return int(min(most/of, limit)) }
	return budgets{
		message:   part(7, 64<<20),
		buffered:  part(4, 128<<20),
		windows:   part(5, 256<<20),
		heads:     part(10, 128<<20),
		waiting:   part(10, 64<<20),
		bytes:     part(10, 128<<20),
		flowBytes: part(40, 4<<20),
		fragments: part(50, 16<<20),
		flows:     part(8*flowCost, 1<<19),
		queue:     part(20, 32<<20),
	}
}

// flowCost is about what a connection costs that is silent.
const flowCost = 300

// tapConfig returns what the tap is to do: by default it looks into tunnels.
func (o *options) tapConfig() (*websocket.Config, error) {
	most := o.allowed()
	limitMemory(most)
	if page := o.pageMemory(); page > most/2 {
		return nil, usagef("--web-memory %s does not fit into %d MiB: raise --memory", sizeText(page), most>>20)
	}
	b := budgetsOf(most - o.pageMemory())
	if o.maxMessage > 0 {
		if o.maxMessage > most/2 {
			return nil, usagef("--max-message %s does not fit into %d MiB: raise --memory", sizeText(o.maxMessage), most>>20)
		}
		b.message = int(o.maxMessage)
		b.buffered = max(b.buffered, b.message+b.message/8)
	}
	cfg := &websocket.Config{
		Select: o.selector, Keys: o.keys, OnlyWebSocket: o.websocket, MaxWaiting: b.waiting,
		MaxMessage: b.message, MaxBuffered: b.buffered, MaxWindows: b.windows, MaxHeads: b.heads,
		Reassembly: &reassembly.Config{
			MaxFlows: b.flows, MaxBytes: b.bytes, MaxFlowBytes: b.flowBytes, MaxFragmentBytes: b.fragments,
		},
	}
	if !o.noTunnels {
		cfg.Reassembly.Tunnels = reassembly.AllTunnels
	}
	return cfg, nil
}

func sizeText(n int64) string {
	if n>>20 > 0 && n&(1<<20-1) == 0 {
		return fmt.Sprintf("%dM", n>>20)
	}
	return strconv.FormatInt(n, 10)
}
