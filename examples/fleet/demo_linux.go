package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/chat"
	"github.com/wstap/wstap/internal/cli"
)

const demoHelp = `fleet demo shows a fleet at work: an engine, three taps in three network namespaces, and
in each the walkthrough's chat. All that is said is printed with the name of its tap.

  fleet demo [--json]

It needs root, or a kernel in which users may make namespaces. It touches nothing of the
machine's own network, and leaves nothing behind.
`

const (
	// demoEnv tells a process of the demo which one it is.
	demoEnv = "FLEET_DEMO"
	// demoTaps is how many machines there are.
	demoTaps = 3
	// demoTime is far more than the demo takes.
	demoTime = 60 * time.Second
)

type demoOptions struct{ json bool }

func demoCommand(args []string) error {
	switch os.Getenv(demoEnv) {
	case "machine":
		return demoMachine()
	case "inside":
		return demoInside(args)
	}
	o := &demoOptions{}
	words, helped, err := parse(o, demoHelp, demoTable, args)
	if helped || err != nil {
		return err
	}
	if len(words) > 0 {
		return usagef("demo takes no words: %q", words[0])
	}
	// A world of its own: root may make it, and everybody within a user namespace.
	cmd, err := demoProcess("inside", append([]string{"demo"}, args...))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = nil, nil
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("no network namespace can be had here (%w): run it as root (sudo fleet demo; in a container with CAP_NET_RAW, CAP_NET_ADMIN and CAP_SYS_ADMIN), or permit user namespaces: sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns say whether they are", err)
	}
	undo := cli.OnEnd(func() { _ = cmd.Process.Kill() }, func() {})
	defer undo()
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) {
		return errors.New("the demo did not come to its end")
	} else if err != nil {
		return err
	}
	return nil
}

var demoTable = []cli.Option[demoOptions]{
	cli.Flag(0, "json", cli.On(func(o *demoOptions) *bool { return &o.json })),
}

// demoProcess prepares this program anew, in a network namespace of its own. It ends with
// this one.
func demoProcess(role string, args []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Who has capabilities from the file may otherwise not be mapped into a namespace.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), demoEnv+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd, nil
}

// demoMachine is one of the machines: it tells when its network is there, waits until it is
// tapped, and talks.
func demoMachine() error {
	if err := chat.LoopbackUp(); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.ReadFull(os.Stdin, make([]byte, 1)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), chat.Time)
	defer cancel()
	c := chat.New()
	defer c.Close()
	if err := c.Conversation(ctx); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // the namespace stays until the tap has seen the end
	return nil
}

// demoInside runs the engine, the taps and the tail.
func demoInside(args []string) error {
	o := &demoOptions{}
	if _, _, err := parse(o, demoHelp, demoTable, args); err != nil {
		return err
	}
	if err := chat.LoopbackUp(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), demoTime, errors.New("the conversations were not read to their end"))
	defer cancel()
	dir, err := os.MkdirTemp("", "fleet-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := (&serveOptions{listen: "127.0.0.1:0", store: dir + "/store"}).start(ctx)
	if err != nil {
		return err
	}
	defer s.Shutdown()
	access := engine.Access{NATS: s.ClientURL()}

	tapping, end := context.WithCancel(ctx)
	defer end()
	var wait sync.WaitGroup
	failed := make(chan error, demoTaps+1)
	for i := range demoTaps {
		name := "node-" + strconv.Itoa(i+1)
		wait.Go(func() {
			if err := demoTap(tapping, access, name, dir); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	tail := &tailOptions{Access: access, json: o.json, Reading: engine.Reading{Beginning: true}}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		wait.Wait()
		select {
		case err := <-failed:
			failed <- err
			stop()
		default:
		}
	}()
	tail.stopped = func(taps int) bool { return taps == demoTaps }
	counts, err := tail.run(reading, os.Stdout)
	end()
	wait.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	counts.say()
	if counts.Missing+counts.lost > 0 || counts.messages == 0 {
		return errors.New("the accounts do not agree")
	}
	return nil
}

// demoTap taps a machine of its own until its conversation is over.
func demoTap(ctx context.Context, access engine.Access, name, dir string) error {
	machine, err := demoProcess("machine", []string{"demo"})
	if err != nil {
		return err
	}
	machine.Stderr = os.Stderr
	in, err := machine.StdinPipe()
	if err != nil {
		return err
	}
	out, err := machine.StdoutPipe()
	if err != nil {
		return err
	}
	if err := machine.Start(); err != nil {
		return fmt.Errorf("no network namespace: %w", err)
	}
	defer machine.Wait()
	defer in.Close()
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		return errors.New("the machine has no network")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := 0
	tap := &tapOptions{
		Access: access, iface: "lo", netns: strconv.Itoa(machine.Process.Pid), filter: "tcp port " + chat.Port,
		name: name, spoolDir: dir + "/" + name, spoolSize: 16 << 20, quiet: true,
		listening: func() { _, _ = in.Write([]byte{'\n'}) }, // a machine that is gone says nothing
		ended: func() {
			if ended++; ended == chat.Clients {
				cancel()
			}
		},
	}
	if err := tap.complete(); err != nil {
		return err
	}
	_, err = tap.run(ctx, context.Background())
	return err
}
