package tpacket

import (
	"os"
	"testing"
	"time"
)

// A wait ends when there is something, at its deadline, by a poke that came before, or by
// one that comes meanwhile.
func TestWait(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	rc, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	waiter := waiter{setDeadline: r.SetReadDeadline}
	calls := 0
	wait := func(deadline time.Time, pendingAt int) {
		t.Helper()
		calls = 0
		err := waiter.wait(rc, deadline, func(uintptr) bool {
			calls++
			return calls >= pendingAt
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const never = 1 << 30
	if wait(time.Time{}, 1); calls != 1 {
		t.Errorf("%d calls, want one", calls)
	}
	go w.Write([]byte("ready"))
	if wait(time.Time{}, 2); calls != 2 {
		t.Errorf("%d calls when something came, want two", calls)
	}
	r.Read(make([]byte, 10))
	begin := time.Now()
	if wait(begin.Add(20*time.Millisecond), never); time.Since(begin) < 20*time.Millisecond {
		t.Error("the deadline came early")
	}
	waiter.poke()
	wait(time.Time{}, never) // ends
	go func() {
		time.Sleep(10 * time.Millisecond)
		waiter.poke()
	}()
	wait(time.Time{}, never)                 // ends
	wait(time.Now().Add(time.Second), never) // may end at once, by the same poke
	if wait(time.Time{}, 1); calls != 1 {
		t.Error("a poke ends more than the wait after the one that it ended")
	}
	r.Close()
	if err := waiter.wait(rc, time.Time{}, func(uintptr) bool { return false }); err == nil {
		t.Error("no error of a closed file")
	}
	new(Socket).Poke() // nobody waits
}
