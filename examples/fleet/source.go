package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/limits"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

// A source gives the events that are sent.
type source struct {
	name   string // what the user calls it
	live   bool   // it cannot wait
	events iter.Seq2[websocket.Event, error]
	stop   func() // ends it in good order
	stats  func() websocket.Stats
	close  func()
}

// open opens what the options name.
func (o *tapOptions) open(ctx context.Context) (*source, error) {
	keys := decrypt.NewKeyLog()
	for _, name := range o.keylogs {
		if err := keys.Follow(name); err != nil {
			return nil, err
		}
	}
	if len(o.read) == 0 {
		src, err := o.listen()
		if err != nil {
			return nil, err
		}
		return o.tap(ctx, src, o.iface, keys)
	}
	cfg := &pcapfile.Config{Filter: strings.TrimSpace(o.filter), Secrets: keys}
	name := strings.Join(o.read, ", ")
	switch {
	case len(o.read) > 1:
		src, err := pcapfile.OpenSeries(o.read, cfg)
		if err != nil {
			return nil, err
		}
		return o.tap(ctx, src, name, keys)
	case o.follow && name != "-" && !beginsLines(name):
		src, err := pcapfile.OpenName(name, cfg)
		if err != nil {
			return nil, err
		}
		return o.tap(ctx, src, name, keys)
	}
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
	}
	in, lines, err := linesIn(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	if lines {
		if strings.TrimSpace(o.filter) != "" {
			f.Close()
			return nil, usagef("%s holds messages and no packets: in place of a filter give --url or --match", name)
		}
		return o.lines(f, in, name), nil
	}
	src, err := pcapfile.NewReader(in, cfg)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return o.tap(ctx, src, name, keys)
}

// tap makes a source of frames.
func (o *tapOptions) tap(ctx context.Context, src capture.Source, name string, keys *decrypt.KeyLog) (*source, error) {
	most := limits.Allowed(o.memory)
	limits.Collect(most)
	cfg, err := limits.Config(most, o.maxMessage)
	if err != nil {
		src.Close()
		return nil, usagef("%v", err)
	}
	cfg.Select, cfg.OnlyWebSocket = o.selector, o.websocket
	if f, ok := src.(interface{ Format() pcapfile.Format }); len(o.keylogs) > 0 || ok && f.Format() == pcapfile.Pcapng {
		cfg.Keys = keys // otherwise there are none, and nothing waits for them
	}
	if !o.noTunnels {
		cfg.Reassembly.Tunnels = reassembly.AllTunnels
	}
	tap := websocket.NewTap(src, cfg)
	return &source{
		name: name, live: src.Info().Live, events: tap.Events(ctx),
		stop:  func() { _ = tap.Stop() }, // fails only where it has ended
		stats: tap.Stats, close: func() { tap.Close() },
	}, nil
}

func (o *tapOptions) listen() (*capture.Live, error) {
	namespace := o.netns
	switch {
	case o.container != "":
		pid, err := cli.ContainerProcess("/proc", o.container)
		if err != nil {
			return nil, fmt.Errorf("--container: %w", err)
		}
		namespace = strconv.Itoa(pid)
	case namespace != "" && !strings.Contains(namespace, "/"):
		if _, err := strconv.ParseUint(namespace, 10, 32); err != nil {
			namespace = path.Join("/run/netns", namespace) // where ip-netns(8) has them
		}
	}
	cfg := &capture.Config{
		Namespace: namespace, Filter: o.filter, SnapLen: o.snaplen, BufferSize: o.buffer * 1024,
		BlockTimeout: 120 * time.Millisecond, // nobody watches: the ring lasts the longer
		Workers:      1,
		Promiscuous:  !o.noPromisc,
		Direction:    map[string]capture.Direction{"in": capture.Incoming, "out": capture.Outgoing}[o.inout],
		Changed: func(name string, present bool) {
			say("%s %s", name, map[bool]string{true: "is back", false: "is gone: the others go on"}[present])
		},
	}
	src, err := capture.Listen(o.iface, cfg)
	if err != nil {
		return nil, err
	}
	for _, w := range src.Warnings() {
		say("%s", w)
	}
	return src, nil
}

// beginsLines says that a file, if it is there, is one of wsdump --json.
func beginsLines(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false // its first bytes would be gone
	}
	_, lines, err := linesIn(f)
	return err == nil && lines
}

// linesIn says whether a file holds lines of JSON, compressed or not, and returns what
// is to be read.
func linesIn(f *os.File) (io.Reader, bool, error) {
	in := bufio.NewReaderSize(f, 64<<10)
	head, err := in.Peek(2)
	if len(head) < 2 && err != io.EOF {
		return nil, false, err
	}
	if len(head) > 0 && head[0] == '{' {
		return in, true, nil
	}
	if string(head) != "\x1f\x8b" { // gzip
		return in, false, nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return in, false, nil // captures are unpacked by their reader
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, false, err
	}
	unpacked := bufio.NewReaderSize(z, 64<<10)
	if head, _ := unpacked.Peek(1); len(head) > 0 && head[0] == '{' {
		return unpacked, true, nil
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, false, err
}

// lines makes a source of a file of wsdump --json.
func (o *tapOptions) lines(f *os.File, in io.Reader, name string) *source {
	gone := make(chan struct{})
	if o.follow {
		in = cli.Tail(in, gone)
	}
	events := func(yield func(websocket.Event, error) bool) {
		for ev, err := range jsonl.NewDecoder(in).All() {
			select {
			case <-gone:
				return
			default:
			}
			if m, ok := ev.(*websocket.Message); ok && !o.selector.Message(m) {
				continue
			}
			if errors.Is(err, os.ErrDeadlineExceeded) || !yield(ev, err) {
				return
			}
		}
	}
	stop := func() {
		close(gone)
		_ = f.SetReadDeadline(time.Now()) // of a pipe; a file's Read does not wait
	}
	return &source{name: name, events: events, stop: stop, stats: func() websocket.Stats { return websocket.Stats{} }, close: func() { f.Close() }}
}
