package tpacket

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// A waiter lets one goroutine wait in the runtime's poller and others wake it.
type waiter struct {
	setDeadline func(time.Time) error

	mu    sync.Mutex
	poked bool
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// wait waits until pending, which is called whenever the file may be ready,
// returns true; until the deadline, unless it is zero; or until poke.
func (w *waiter) wait(rc syscall.RawConn, deadline time.Time, pending func(fd uintptr) bool) error {
	w.mu.Lock()
	if w.poked {
		deadline = past
		w.poked = false
	}
	err := w.setDeadline(deadline)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if err := rc.Read(pending); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// poke ends a wait that is under way, or the next one.
func (w *waiter) poke() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.poked = true
	if w.setDeadline != nil { // nil in the zero Socket, where nobody waits
		w.setDeadline(past) // fails only when closed, which ends the wait as well
	}
}
