package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/peers/capgen"
	"github.com/wstap/wstap/internal/peers/gopipe"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

// A capFile is a generated capture.
type capFile struct {
	capgen.Workload
	holds capgen.Summary
	path  string
}

// prints is what a program that counts prints of the capture.
func (c capFile) prints() string { return fmt.Sprintf("%d messages\n", c.holds.Messages) }

func generate(dir string, n int) ([]capFile, error) {
	var caps []capFile
	for i, w := range capgen.Workloads(n) {
		path := filepath.Join(dir, strconv.Itoa(i)+".pcap")
		sum, err := w.Create(path)
		if err != nil {
			return nil, err
		}
		caps = append(caps, capFile{w, sum, path})
	}
	return caps, nil
}

// frames reads a file into memory.
func frames(path string) ([]capture.Frame, error) {
	r, err := pcapfile.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []capture.Frame
	for f, err := range capture.Frames(r) {
		if err != nil {
			return nil, err
		}
		own := *f
		own.Data = bytes.Clone(f.Data)
		all = append(all, own)
	}
	return all, nil
}

// components compares the rooms one by one, on the capture with one message a
// segment.
func components(_ string, caps []capFile) ([]row, error) {
	file := caps[1]
	all, err := frames(file.path)
	if err != nil {
		return nil, err
	}
	infos := make([]gopacket.CaptureInfo, len(all))
	for i, f := range all {
		infos[i] = gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Data), Length: f.Length}
	}
	return []row{
		{"reading a pcap file", "frame", len(all),
			timed("pcapfile", func() error {
				r, err := pcapfile.Open(file.path, nil)
				if err != nil {
					return err
				}
				defer r.Close()
				var fs [batch]capture.Frame
				for {
					if _, err := r.Read(fs[:]); err == io.EOF {
						return nil
					} else if err != nil {
						return err
					}
				}
			}),
			timed("pcapgo, zero copy", func() error {
				f, err := os.Open(file.path)
				if err != nil {
					return err
				}
				defer f.Close()
				r, err := pcapgo.NewReader(bufio.NewReaderSize(f, 1<<20))
				if err != nil {
					return err
				}
				for {
					if _, _, err := r.ZeroCopyReadPacketData(); err == io.EOF {
						return nil
					} else if err != nil {
						return err
					}
				}
			})},
		{"decoding Ethernet, IPv4, TCP in the cache", "frame", len(all) / 1000 * 1000,
			timed("decode", func() error {
				var p decode.Packet
				for i := range len(all) / 1000 * 1000 {
					if err := p.Decode(decode.LinkEthernet, all[i%1000].Data); err != nil {
						return err
					}
				}
				return nil
			}),
			timed("gopacket's reused parser", func() error {
				d := gopipe.NewDecoder()
				for i := range len(all) / 1000 * 1000 {
					if err := d.Decode(all[i%1000].Data); err != nil {
						return err
					}
				}
				return nil
			})},
		{"decoding and reassembly", "frame", len(all),
			timed("decode, reassembly", func() error {
				var bytes counter
				a := newAssembly(&bytes)
				for fs := range slices.Chunk(all, batch) {
					if err := a.take(fs); err != nil {
						return err
					}
				}
				a.Close()
				if int64(bytes) < file.holds.Payload {
					return fmt.Errorf("%d bytes of %d", bytes, file.holds.Payload)
				}
				return nil
			}),
			timed("gopacket's", func() error {
				d, a := gopipe.NewDecoder(), gopipe.NewAssembler()
				for i := range all {
					if err := d.Decode(all[i].Data); err != nil {
						return err
					}
					a.Add(d, infos[i])
				}
				if a.Bytes() < file.holds.Payload {
					return fmt.Errorf("%d bytes of %d", a.Bytes(), file.holds.Payload)
				}
				return nil
			})},
		{"reading, decoding and reassembly", "frame", len(all),
			timed("2 workers", func() error { return assemble(file.path, 2) }),
			timed("1 worker", func() error { return assemble(file.path, 1) })},
	}, nil
}

// batch is how many frames are taken at a time, as the tap does.
const batch = 64

// An assembly decodes frames and rebuilds their streams.
type assembly struct {
	*reassembly.Assembler
	packets [batch]decode.Packet
}

func newAssembly(c reassembly.Consumer) *assembly {
	return &assembly{Assembler: reassembly.New(nil, func(*reassembly.Flow) reassembly.Consumer { return c })}
}

// take takes a batch.
func (a *assembly) take(fs []capture.Frame) error {
	for i := range fs {
		a.packets[i].Time = fs[i].Time
		if err := a.packets[i].Decode(fs[i].Link, fs[i].Data); err != nil {
			return err
		}
	}
	a.Packets(a.packets[:len(fs)])
	return nil
}

// assemble reads a file and rebuilds its streams with some workers.
func assemble(path string, workers int) error {
	src, err := pcapfile.Open(path, &pcapfile.Config{Workers: workers})
	if err != nil {
		return err
	}
	defer src.Close()
	var g errgroup
	for _, s := range src.Shards() {
		g.run(func() error {
			var fs [batch]capture.Frame
			var bytes counter
			a := newAssembly(&bytes)
			for {
				n, err := s.Read(fs[:])
				if err == nil {
					err = a.take(fs[:n])
				}
				if err == io.EOF {
					a.Close()
					return nil
				} else if err != nil {
					return err
				}
			}
		})
	}
	return g.wait()
}

// errgroup runs functions at once and keeps their errors.
type errgroup struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func (g *errgroup) run(f func() error) {
	g.wg.Go(func() {
		if err := f(); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.errs = append(g.errs, err)
		}
	})
}

func (g *errgroup) wait() error {
	g.wg.Wait()
	return errors.Join(g.errs...)
}

// counter is a Consumer that counts.
type counter int64

func (c *counter) Data(_ reassembly.Direction, b []byte, _ time.Time)            { *c += counter(len(b)) }
func (c *counter) Gap(reassembly.Direction, int64, time.Time)                    {}
func (c *counter) Conflict(_ reassembly.Direction, offset, n int64, _ time.Time) {}
func (c *counter) Closed(reassembly.Reason, time.Time)                           {}

// paths compares the whole way from a file to messages, in this process.
func paths(_ string, caps []capFile) ([]row, error) {
	var rows []row
	for _, c := range caps {
		theirs := timed("gopacket, gobwas/ws", func() error {
			f, err := os.Open(c.path)
			if err != nil {
				return err
			}
			defer f.Close()
			sum, err := gopipe.Messages(f, nil)
			return check(c, sum.Messages, sum.Payload, err)
		})
		rows = append(rows,
			row{c.Name, "message", c.holds.Messages, timed("Events", func() error { return events(c) }), theirs},
			row{c.Name, "message", c.holds.Messages, timed("Messages", func() error { return messages(c, 1) }), theirs})
	}
	// More processors give more. One pipeline uses a second for itself, to read
	// ahead, unless there is none.
	for _, c := range caps {
		two := timed("Count, 2 pipelines", func() error { return drain(c, 2) })
		rows = append(rows,
			row{c.Name, "message", c.holds.Messages, two,
				timed("1 pipeline", func() error { return drain(c, 1) })},
			row{c.Name, "message", c.holds.Messages, two,
				timed("1 pipeline on 1 processor", func() error {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
					return drain(c, 1)
				})})
	}
	c := caps[1]
	return append(rows, row{c.Name, "message", c.holds.Messages,
		timed("Messages, 2 pipelines", func() error { return messages(c, 2) }),
		timed("1 pipeline", func() error { return messages(c, 1) })}), nil
}

func check(c capFile, n int, payload int64, err error) error {
	if err == nil && (n != c.holds.Messages || payload != c.holds.Payload) {
		err = fmt.Errorf("%d messages of %d, %d bytes of %d", n, c.holds.Messages, payload, c.holds.Payload)
	}
	return err
}

func events(c capFile) error {
	src, err := pcapfile.Open(c.path, nil)
	if err != nil {
		return err
	}
	n, payload := 0, int64(0)
	for ev, err := range websocket.NewTap(src, nil).Events(context.Background()) {
		if err != nil {
			return err
		}
		if m, ok := ev.(*websocket.Message); ok {
			n++
			payload += int64(len(m.Payload))
		}
	}
	return check(c, n, payload, nil)
}

func drain(c capFile, workers int) error {
	src, err := pcapfile.Open(c.path, &pcapfile.Config{Workers: workers})
	if err != nil {
		return err
	}
	tap := websocket.NewTap(src, nil)
	err = tap.Count(context.Background())
	return check(c, int(tap.Stats().Messages), c.holds.Payload, err)
}

func messages(c capFile, workers int) error {
	src, err := pcapfile.Open(c.path, &pcapfile.Config{Workers: workers})
	if err != nil {
		return err
	}
	tap := websocket.NewTap(src, nil)
	n, payload := 0, int64(0)
	for m := range tap.Messages(context.Background()) {
		n++
		payload += int64(len(m.Payload))
	}
	return check(c, n, payload, tap.Err())
}

// processes compares whole processes.
func processes(dir string, caps []capFile) ([]row, error) {
	wsdump, theirs, floor := filepath.Join(dir, "wsdump"), filepath.Join(dir, "gopacketdump"), filepath.Join(dir, "floor")
	for _, b := range []struct{ at, pkg, out string }{
		{".", "./cmd/gopacketdump", theirs},
		{".", "./cmd/floor", floor},
	} {
		if err := build(b.at, b.pkg, b.out); err != nil {
			return nil, err
		}
	}
	var rows []row
	for _, c := range caps {
		rows = append(rows, row{c.Name, "", 0,
			process("wsdump --count", c, wsdump, "-r", c.path, "--count"),
			process("gopacketdump", c, theirs, c.path)})
	}
	for _, c := range caps {
		if c.Deflate {
			continue // there is more to do than to copy
		}
		rows = append(rows, row{c.Name, "", 0,
			process("wsdump --count", c, wsdump, "-r", c.path, "--count"),
			process("floor: read once, XOR-copy once", capFile{}, floor, c.path, strconv.FormatInt(c.holds.Payload, 10))})
	}
	if tshark, err := exec.LookPath("tshark"); err != nil {
		fmt.Println("JSON is not compared with tshark's: there is none.")
	} else {
		c := caps[1]
		rows = append(rows, row{c.Name, "", 0,
			process("wsdump --json", capFile{}, wsdump, "-r", c.path, "--json"),
			process("tshark", capFile{}, tshark, "-r", c.path, "-Y", "websocket", "-T", "fields", "-e", "websocket.payload")})
	}
	return rows, nil
}

// build builds a program of the module in a directory.
func build(at, pkg, out string) error {
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Dir = at
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // nobody needs it here, and it takes time to load
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v (run this in internal/peers): %w", cmd, err)
	}
	return nil
}

// process runs a program that prints how many messages it found.
func process(name string, c capFile, path string, args ...string) contestant {
	return timed(name, func() error {
		cmd := exec.Command(path, args...)
		if c.path == "" {
			return cmd.Run() // what it prints goes to the null device
		}
		out, err := cmd.Output()
		if err == nil && string(out) != c.prints() {
			err = fmt.Errorf("it printed %q, not %q", out, c.prints())
		}
		return err
	})
}
