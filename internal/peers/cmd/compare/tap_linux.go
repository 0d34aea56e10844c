package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A traffic is what tappers are given to see.
type traffic struct {
	conns, messages int
	rate            int // messages a second
}

var busy = traffic{10_000, 200_000, 50_000}

// tapPatience is how long a tapper may take to listen, or to be done.
const tapPatience = time.Minute

// A tapper is a program that watches lo.
type tapper struct {
	name  string
	args  []string
	ready string // what it says when it listens
	loud  bool   // and says it on standard output
	drops func(said string) (dropped int, err error)

	runs, dropped int
}

// taps compares the processor time that programs take to watch the same traffic, one
// after another: connections that are there already, of which some end and others
// begin.
func taps(m *run, dir string) (lines []line, err error) {
	if unix.Geteuid() != 0 {
		fmt.Fprint(m.w, "Programs that watch live traffic are not compared: that needs root.\n\n")
		return nil, nil
	}
	port := strconv.Itoa(chatPort)
	for _, other := range []*tapper{
		{name: "tcpdump -w", args: []string{"tcpdump", "-i", "lo", "-w", "/dev/null", "port", port}, ready: "listening on", drops: pcapDrops},
		{name: "suricata", args: []string{"suricata", "--af-packet=lo", "-k", "none", "-l", dir}, ready: "ngine started", loud: true,
			drops: func(string) (int, error) { return suricataDrops(filepath.Join(dir, "eve.json")) }},
	} {
		if _, err := exec.LookPath(other.args[0]); err != nil {
			fmt.Fprintf(m.w, "%s watches no live traffic here: it is not installed.\n\n", other.args[0])
			continue
		}
		ours := &tapper{name: "wsdump --json", ready: "listening on", drops: pcapDrops,
			args: []string{filepath.Join(dir, "wsdump"), "--json", "-i", "lo", "port", port}}
		rows := []row{{"10,000 connections live, processor time", "message", busy.messages, ours.contestant(busy), other.contestant(busy)}}
		measured, err := m.table("wstap", "the other", rows, brief)
		if err != nil {
			return nil, err
		}
		lines = append(lines, measured...)
		if ours.runs > 0 {
			fmt.Fprintf(m.w, "%s, %s.\n\n", ours.losses(), other.losses())
		}
	}
	return lines, nil
}

func (t *tapper) contestant(what traffic) contestant {
	return contestant{t.name, func() (d time.Duration, err error) {
		var wg sync.WaitGroup
		wg.Go(func() {
			runtime.LockOSThread() // for good: the thread has a namespace of its own, and ends with it
			d, err = t.run(what)
		})
		wg.Wait()
		return d, err
	}}
}

// losses says how many packets were dropped.
func (t *tapper) losses() string {
	return fmt.Sprintf("%s dropped %d packets in %d runs", t.name, t.dropped, t.runs)
}

// run returns the processor time that the program took while messages passed.
func (t *tapper) run(what traffic) (time.Duration, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return 0, err
	}
	if err := loUp(); err != nil {
		return 0, err
	}
	cmd := exec.Command(t.args[0], t.args[1:]...)
	said, err := t.start(cmd)
	if err != nil {
		return 0, err
	}
	defer func() {
		cmd.Process.Kill() // where it has not ended
		cmd.Wait()
	}()
	c, err := newChat(what.conns)
	if err != nil {
		return 0, err
	}
	defer c.close()
	before, err := settled(cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	if err := c.talk(what.messages, what.rate); err != nil {
		return 0, err
	}
	after, err := settled(cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, said)
	}
	n, err := t.drops(said.String())
	t.runs++
	t.dropped += n
	return after - before, err
}

// start starts the program and waits until it listens. What it says goes on to be
// gathered.
func (t *tapper) start(cmd *exec.Cmd) (*lockedBuffer, error) {
	said := new(lockedBuffer)
	cmd.Stderr = said
	if t.loud {
		cmd.Stdout = said
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(tapPatience); !strings.Contains(said.String(), t.ready); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			return nil, fmt.Errorf("%v does not say %q: %s", cmd, t.ready, said)
		}
	}
	return said, nil
}

// lockedBuffer may be read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// settled returns the processor time that a process has taken, once it takes hardly
// any: what it was given is done with.
func settled(pid int) (time.Duration, error) {
	const pause, idle = 200 * time.Millisecond, 10 * time.Millisecond
	was := -time.Hour
	for deadline := time.Now().Add(tapPatience); time.Now().Before(deadline); time.Sleep(pause) {
		var t unix.Timespec
		clock := int32(^pid<<3 | 2) // clock_getcpuclockid(3): CPUCLOCK_SCHED of the process
		if err := unix.ClockGettime(clock, &t); err != nil {
			return 0, err
		}
		now := time.Duration(t.Nano())
		if now-was < idle {
			return now, nil
		}
		was = now
	}
	return 0, errors.New("it does not come to rest")
}

var pcapDropped = regexp.MustCompile(`(\d+) packets? dropped by kernel`)

// pcapDrops finds what tcpdump and wsdump say at their end.
func pcapDrops(said string) (int, error) {
	m := pcapDropped.FindStringSubmatch(said)
	if m == nil {
		return 0, fmt.Errorf("nothing is said of drops: %s", said)
	}
	return strconv.Atoi(m[1])
}

// suricataDrops finds them in the last statistics of eve.json.
func suricataDrops(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	drops := -1
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e struct {
			Type  string `json:"event_type"`
			Stats struct {
				Capture struct {
					Drops int `json:"kernel_drops"`
				}
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		if e.Type == "stats" {
			drops = e.Stats.Capture.Drops
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	if drops < 0 {
		return 0, fmt.Errorf("%s has no statistics", path)
	}
	return drops, os.Remove(path) // the next run begins another
}
