// Package limits says how much memory a program that taps may take, and divides it
// into the budgets of a tap.
package limits

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

const (
	// Usual is what a program makes do with where nothing is scarce, and Least what it
	// needs at the least, in bytes.
	Usual = 1 << 30
	Least = 16 << 20
)

// Size reads a number of bytes, in which K, M and G are 1024, its square and its
// cube.
func Size(v string) (int64, error) {
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

// Allowed returns how many bytes the process may take: most if that is not 0, else of
// GOMEMLIMIT, a cgroup and what is usual the first that is given, or the least.
func Allowed(most int64) int64 {
	if most > 0 {
		return most
	}
	most = min(Usual, debug.SetMemoryLimit(-1))
	if limit, ok := cgroupLimit("/"); ok {
		most = min(most, limit/10*9) // the rest is the kernel's, for what it keeps for us
	}
	return max(most, Least)
}

// Collect has the collector work harder, rather than let garbage take as much
// as what is in use, before the budgets are all used up.
func Collect(most int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(most / 10 * 8)
	}
}

// Budgets are parts of the memory that is allowed: together they are less.
type Budgets struct {
	Message, Buffered, Windows, Heads, Waiting, Bytes, FlowBytes, Fragments, Flows, Queue, Output int
}

func BudgetsOf(most int64) Budgets {
	part := func(of, limit int64) int { return int(min(most/of, limit)) }
	return Budgets{
		Message:   part(7, 64<<20),
		Buffered:  part(4, 128<<20),
		Windows:   part(5, 256<<20),
		Heads:     part(10, 128<<20),
		Waiting:   part(10, 64<<20),
		Bytes:     part(10, 128<<20),
		FlowBytes: part(40, 4<<20),
		Fragments: part(50, 16<<20),
		Flows:     part(8*flowCost, 1<<19),
		Queue:     part(20, 32<<20),
		Output:    part(25, 256<<20),
	}
}

// flowCost is about what a connection costs that is silent.
const flowCost = 300

// Config returns a tap's configuration within the budgets of so much memory.
// maxMessage is how much of a message is kept; 0 is what the budgets give.
func Config(most, maxMessage int64) (*websocket.Config, error) {
	b := BudgetsOf(most)
	if maxMessage > 0 {
		if maxMessage > most/2 {
			return nil, fmt.Errorf("--max-message %s does not fit into %d MiB: raise --memory", SizeText(maxMessage), most>>20)
		}
		b.Message = int(maxMessage)
		b.Buffered = max(b.Buffered, b.Message+b.Message/8)
	}
	return &websocket.Config{
		MaxWaiting: b.Waiting, MaxMessage: b.Message, MaxBuffered: b.Buffered, MaxWindows: b.Windows, MaxHeads: b.Heads,
		Reassembly: &reassembly.Config{
			MaxFlows: b.Flows, MaxBytes: b.Bytes, MaxFlowBytes: b.FlowBytes, MaxFragmentBytes: b.Fragments,
		},
	}, nil
}

// SizeText writes a number of bytes as [Size] reads it.
func SizeText(n int64) string {
	if n>>20 > 0 && n&(1<<20-1) == 0 {
		return fmt.Sprintf("%dM", n>>20)
	}
	return strconv.FormatInt(n, 10)
}
