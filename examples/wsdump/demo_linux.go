package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/internal/chat"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

// demoEnv tells the process that demoHost starts that it is the one inside, and
// that file 3 awaits its word.
const demoEnv = "WSDUMP_DEMO_HOST"

// demoHost runs wsdump again in a network namespace of its own, which root may
// make, and anybody inside a user namespace of his own. why says that there is
// no such thing here, and then nothing has been printed.
func (o *options) demoHost() (why, err error) {
	if os.Getenv(demoEnv) != "" {
		return nil, o.demoInside()
	}
	// A binary with file capabilities is not dumpable, and then its user may
	// not map himself into a namespace.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	if os.Geteuid() == 0 {
		why, err = o.demoStart(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
		if why == nil {
			return nil, err
		}
	}
	return o.demoStart(&syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	})
}

func (o *options) demoStart(attr *syscall.SysProcAttr) (why, err error) {
	self, err := os.Executable()
	if err != nil {
		return err, nil
	}
	hear, tell, err := os.Pipe()
	if err != nil {
		return err, nil
	}
	defer hear.Close()
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{tell}
	if o.page != nil { // browsers are here, not there
		f, err := o.page.listener.(*net.TCPListener).File()
		if err != nil {
			return err, nil
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Env = append(os.Environ(), demoEnv+"=1")
	cmd.SysProcAttr = attr
	attr.Setpgid = true // the terminal's signals come through this process, once
	attr.Pdeathsig = syscall.SIGKILL
	runtime.LockOSThread() // Pdeathsig is the death of this thread
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, append(cli.EndSignals(), syscall.SIGUSR1)...)
	defer signal.Stop(signals)
	err = cmd.Start()
	tell.Close()
	if errors.Is(err, syscall.ENOSPC) {
		return errors.New("the limit of namespaces is reached"), nil
	}
	if err != nil {
		return err, nil
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s)
			case <-over:
				return
			}
		}
	}()
	refusal, _ := io.ReadAll(hear)
	err = cmd.Wait()
	if len(refusal) > 0 {
		return errors.New(string(refusal)), nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if exit.Exited() {
			return nil, exitStatus(exit.ExitCode())
		}
		return nil, fmt.Errorf("--demo: %w", err)
	}
	return nil, err
}

// inheritedListener returns the listener of the page that demoStart has given to
// this process, nil where there is none.
func inheritedListener() net.Listener {
	if os.Getenv(demoEnv) == "" {
		return nil
	}
	f := os.NewFile(4, "page")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil
	}
	return l
}

// demoInside is the demo in the process that has a network of its own. What
// fails before the capture is told to the parent, which then replays.
func (o *options) demoInside() error {
	tell := os.NewFile(3, "parent")
	src, err := func() (*source, error) {
		if err := chat.LoopbackUp(); err != nil {
			return nil, err
		}
		o.iface = "lo"
		if o.filter == "" {
			o.filter = "tcp port " + chat.Port
		}
		return o.listen()
	}()
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			fmt.Fprint(tell, err)
			return exitStatus(1)
		}
		tell.Close()
		return err
	}
	tell.Close()
	if err := o.prepare(src); err != nil {
		return err
	}
	return o.demoLive(src)
}

// demoLive captures the chat on lo, from before its first packet until its
// last connection has ended.
func (o *options) demoLive(src *source) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), chat.Time,
		errors.New("--demo: the conversation was not captured to its end"))
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	c := chat.New()
	defer c.Close()
	talked := make(chan struct{})
	go func() {
		defer close(talked)
		if err := c.Conversation(ctx); err != nil {
			fail(fmt.Errorf("--demo: %w", err))
		}
	}()
	ended := 0
	err := o.tapAll(ctx, src, func(ev websocket.Event) bool {
		if _, ok := ev.(*websocket.End); ok {
			ended++
		}
		return ended < chat.Clients
	})
	fail(nil)
	<-talked
	return err
}
