//go:build unix

package cli

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

func raise(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(syscall.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing came", what)
	}
}

func TestOnStats(t *testing.T) {
	shown := make(chan struct{})
	undo := OnStats(func() { shown <- struct{}{} })
	for range 3 {
		raise(t, syscall.SIGUSR1)
		await(t, shown, "SIGUSR1")
	}
	again := make(chan struct{})
	defer OnStats(func() { again <- struct{}{} })()
	undo()
	raise(t, syscall.SIGUSR1)
	await(t, again, "SIGUSR1 of another watcher")
	select {
	case <-shown:
		t.Error("called after undo")
	default:
	}
}

// endEnv makes the test binary a program that waits for its end, which never
// comes.
const endEnv = "CLI_TEST_END"

func TestMain(m *testing.M) {
	if os.Getenv(endEnv) != "" {
		OnEnd(func() {
			fmt.Println("ending")
			select {}
		})
		OnStats(func() { fmt.Println("shown") })
		fmt.Println("ready")
		time.Sleep(time.Minute)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestOnEnd: the first signal asks for the end, and the second one is the end.
// Meanwhile SIGUSR1 is served.
func TestOnEnd(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), endEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, step := range []struct {
		word string
		next syscall.Signal
	}{{"ready", syscall.SIGTERM}, {"ending", syscall.SIGUSR1}, {"shown", syscall.SIGTERM}} {
		if !lines.Scan() || lines.Text() != step.word {
			t.Fatalf("%q, not %q", lines.Text(), step.word)
		}
		if err := cmd.Process.Signal(step.next); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", cmd.ProcessState)
	}
}

func TestEndSignals(t *testing.T) {
	s := EndSignals()
	if !slices.Contains(s, os.Signal(syscall.SIGTERM)) {
		t.Errorf("%v", s)
	}
	s[0] = syscall.SIGUSR2
	if slices.Contains(EndSignals(), s[0]) {
		t.Error("a caller changed the list")
	}
}
