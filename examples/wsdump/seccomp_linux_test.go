package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/internal/testnet"
)

// confineEnv makes the test binary run what follows under the rule that systemd's
// RestrictAddressFamilies makes: other sockets are EAFNOSUPPORT.
const confineEnv = "WSDUMP_TEST_CONFINE"

func init() {
	if os.Getenv(confineEnv) == "" {
		return
	}
	os.Unsetenv(confineEnv)
	runtime.LockOSThread()
	const allow, refuse = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
	ld := func(off uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}
	}
	jeq := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	program := []unix.SockFilter{
		ld(0), jeq(unix.SYS_SOCKET, 0, 3), // seccomp_data.nr
		ld(16), jeq(unix.AF_PACKET, 1, 0), jeq(unix.AF_NETLINK, 0, 1), // its first argument, little-endian
		ret(allow), ret(refuse),
	}
	program[1].Jf = 3 // not socket(2): allowed
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	}
	if err == nil {
		err = syscall.Exec(os.Args[0], os.Args, os.Environ())
	}
	os.Stderr.WriteString(err.Error())
	os.Exit(1)
}

// TestConfined: with the families of the unit in deploy, and with fewer, wsdump
// captures all interfaces and one.
func TestConfined(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the filter is written for other machines")
	}
	h := testnet.New(t)
	for _, iface := range []string{"any", "lo"} {
		l := &live{t: t, cmd: command(t, "-i", iface), stderr: new(tail)}
		l.cmd.Env = append(l.cmd.Env, confineEnv+"=1")
		l.cmd.Stderr = l.stderr
		var err error
		h.Do(func() { err = l.cmd.Start() })
		if err != nil {
			t.Fatal(err)
		}
		l.waitFor("listening on " + iface)
		l.cmd.Process.Signal(os.Interrupt)
		if err := l.cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, l.stderr)
		}
	}
}

// TestUnit has systemd look at the unit in deploy.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip(err)
	}
	unit, err := os.ReadFile("../../deploy/wsdump.service")
	if err != nil {
		t.Fatal(err)
	}
	name := t.TempDir() + "/wsdump.service"
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(unit), "/usr/local/bin/wsdump", wsdumpPath)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", name)
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "wsdump.service") {
		t.Errorf("%v: %s", err, out)
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=30", name).CombinedOutput()
	if err != nil { // more exposed than 3.0
		t.Errorf("%v: %s", err, out)
	}
}
