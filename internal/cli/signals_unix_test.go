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
		}, func() {
			fmt.Println("insisted")
			os.Exit(3)
		})
		OnStats(func() { fmt.Println("shown") })
		fmt.Println("ready")
		time.Sleep(time.Minute)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestOnEnd: the first signal asks for the end, those of the same second are the
// same wish, and a later one insists. Meanwhile SIGUSR1 is served.
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
	expect := func(word string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != word {
			t.Fatalf("%q, not %q", lines.Text(), word)
		}
	}
	send := func(s syscall.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	expect("ready")
	begun := time.Now()
	send(syscall.SIGTERM)
	expect("ending")
	for range 3 {
		send(syscall.SIGTERM)
		send(syscall.SIGINT)
		send(syscall.SIGUSR1)
		expect("shown")
	}
	if quick := time.Since(begun); quick >= insisting {
		t.Skipf("this machine is too busy: %v", quick)
	}
	time.Sleep(insisting)
	send(syscall.SIGTERM)
	expect("insisted")
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 3 {
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
