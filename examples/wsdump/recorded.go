package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

// A messageFile is a file of --json, to be read as a capture is.
type messageFile struct {
	file *os.File
	in   io.Reader
	gone chan struct{} // closed at the end that a signal asks for

	mu      sync.Mutex
	counted websocket.Stats // of what was read so far
}

// gzipMagic begins a gzip file (RFC 1952, section 2.3.1).
const gzipMagic = "\x1f\x8b"

// recorded returns the messageFile that a file is, or nil, and what is to be read in
// place of the file: of a pipe the first bytes have been taken.
func (o *options) recorded(f *os.File, regular bool) (*messageFile, io.Reader, error) {
	var head [64]byte
	if !regular {
		if o.follow {
			return nil, f, nil
		}
		n, err := f.Read(head[:])
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		in := &peeked{f, head[:n]}
		if !isLines(head[:n]) {
			return nil, in, nil
		}
		return o.newMessageFile(f, in), nil, nil
	}
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return nil, f, nil // the reader of captures tells it
	}
	switch {
	case isLines(head[:n]):
		return o.newMessageFile(f, f), nil, nil
	case bytes.HasPrefix(head[:n], []byte(gzipMagic)):
		if n, err := firstUnpacked(f, head[:]); err != nil || !isLines(head[:n]) {
			_, err = f.Seek(0, io.SeekStart)
			return nil, f, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, nil, err
		}
		z, err := gzip.NewReader(f)
		return o.newMessageFile(f, z), nil, err
	}
	return nil, f, nil
}

// holdsLines says that a file is one of --json, so that it need not be followed as
// a capture is.
func holdsLines(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [64]byte
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false // its first bytes would be gone
	}
	n, _ := f.ReadAt(head[:], 0)
	return isLines(head[:n])
}

// firstUnpacked reads the first bytes of a compressed file.
func firstUnpacked(f *os.File, b []byte) (int, error) {
	z, err := gzip.NewReader(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(z, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

// isLines says that b begins an object of JSON, which no capture file does.
func isLines(b []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) }

// peeked is a pipe of which the first bytes were read.
type peeked struct {
	*os.File
	head []byte
}

func (p *peeked) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.File.Read(b)
}

// Name is what errors call it.
func (p *peeked) Name() string {
	if p.File == os.Stdin {
		return "standard input"
	}
	return p.File.Name()
}

func (o *options) newMessageFile(f *os.File, in io.Reader) *messageFile {
	r := &messageFile{file: f, in: in, gone: make(chan struct{})}
	if o.follow {
		r.in = cli.Tail(in, r.gone)
	}
	return r
}

// events yields the events that the selection chooses.
func (r *messageFile) events(s *websocket.Selector) iter.Seq2[websocket.Event, error] {
	return func(yield func(websocket.Event, error) bool) {
		for ev, err := range jsonl.NewDecoder(r.in).All() {
			select {
			case <-r.gone:
				return
			default:
			}
			if r.count(ev, s) && !yield(ev, err) {
				return
			}
		}
	}
}

// count counts an event, and says whether it is to be shown.
func (r *messageFile) count(ev websocket.Event, s *websocket.Selector) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ev := ev.(type) {
	case *websocket.Open:
		r.counted.Conns++
	case *websocket.Message:
		if !s.Message(ev) {
			r.counted.Unselected++
			return false
		}
		r.counted.Messages++
	case *websocket.Gap:
		r.counted.LostBytes += uint64(ev.Bytes)
	}
	return true
}

func (r *messageFile) stats() websocket.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counted
}

// checkMessageFile refuses what needs packets.
func (o *options) checkMessageFile() error {
	name := quoteArg(o.read)
	switch {
	case o.write != "":
		return usagef("%s holds messages and no packets: -w has nothing to save", name)
	case strings.TrimSpace(o.filter) != "":
		return usagef("%s holds messages and no packets: in place of a filter give --conn, --url or --match", name)
	}
	return nil
}

// show prints a messageFile to its end, to -c messages, or to a signal.
func (o *options) show(r *messageFile) error {
	defer r.file.Close()
	if err := o.checkMessageFile(); err != nil {
		return err
	}
	cli.IgnorePipe()
	to, err := o.stdout()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	out := newOutput(to, o.line || o.follow || cli.IsTerminal(os.Stdout), o.outputMemory(false), stop)
	ps, err := o.openPrinters(out)
	if err != nil {
		return err
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-o.end.asked:
			close(r.gone)
			_ = r.file.SetReadDeadline(time.Now()) // of a pipe; a file's Read does not wait
			boundEnd()
		case <-over:
		}
	}()
	show := ps.Show
	o.end.stats.Store(&show)
	fmt.Fprintf(os.Stderr, "reading messages from file %s\n", quoteArg(o.read))
	noPackets := &kept{why: "the file holds messages and no packets"}
	o.page.begin(subject{o.sourceName(nil), o.follow, noPackets, r.stats, printMessageStats, printNoMessages})
	seen, err := o.printAll(r.events(o.selector), ps, out, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	err = join(err, ps.Close(), out.Close())
	stats := func() { printMessageStats(os.Stderr, r.stats()) }
	o.end.stats.Store(&stats)
	if o.total && err == nil {
		_, err = fmt.Printf("%d messages\n", seen)
		err = readerGone(err)
	}
	if errors.Is(err, errReaderGone) {
		return err
	}
	status := o.page.report(err)
	stats()
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// printNoMessages says why there are none in a messageFile.
func printNoMessages(w io.Writer, s *websocket.Stats) {
	if s.Unselected > 0 {
		fmt.Fprintf(w, "no messages: none of %s was selected\n", cli.Quantity(s.Unselected, "message"))
		return
	}
	fmt.Fprintln(w, "no messages: there are none in the file so far")
}

// printMessageStats writes the closing lines of a messageFile.
func printMessageStats(w io.Writer, s websocket.Stats) {
	fmt.Fprintf(w, "%s on %s\n", cli.Quantity(s.Messages, "message"), cli.Quantity(s.Conns, "connection"))
	if s.Unselected > 0 {
		fmt.Fprintf(w, "%s not selected\n", cli.Quantity(s.Unselected, "message"))
	}
	fmt.Fprintf(w, "%s lost in gaps\n", cli.Quantity(s.LostBytes, "byte"))
}
