package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/limits"
)

// A source is where the frames come from, with the filter of a file, and what
// belongs to it.
type source struct {
	capture.Source // what the tap reads

	eager  bool             // frames come as they happen, so output must not wait
	file   *os.File         // of -r, or nil
	size   int64            // of file; 0 if it has none
	writer *pcapfile.Writer // of -w, or nil
	pcapng bool             // it is a pcapng file, which may hold secrets
	hello  string           // says where the frames come from
	shared bool             // several workers read it, each its part: see errOrder

	messages *messageFile // in place of a Source: of a file of messages
}

// announce says on standard error that it begins.
func (s *source) announce() { io.WriteString(os.Stderr, s.hello) }

// open opens the source and then does what prepare does.
func (o *options) open() (*source, error) {
	o.keys = decrypt.NewKeyLog()
	if err := o.checkFiles(); err != nil {
		return nil, err
	}
	open := o.listen
	if o.read != "" {
		open = o.openFile
	}
	s, err := open()
	if err != nil {
		return nil, err
	}
	if s.messages != nil {
		return s, nil
	}
	return s, o.prepare(s)
}

// prepare creates the file of -w and gives up root. It comes after the opening
// of the source: nothing is created for a capture that cannot begin, and root
// is needed for nothing else. It closes the source on an error.
func (o *options) prepare(s *source) error {
	drop, err := relinquish(o.user) // before a file is overwritten, is there such a user?
	if err == nil && o.write != "" {
		err = s.save(o)
	}
	if err == nil {
		err = o.openKeys(s)
	}
	if err == nil {
		err = drop()
	}
	if err != nil {
		s.Close()
	}
	return err
}

func (o *options) listen() (*source, error) {
	name := o.iface
	namespace, err := o.namespace()
	if err != nil {
		return nil, err
	}
	cfg := &capture.Config{
		Namespace:    namespace,
		Changed:      tellInterface,
		Filter:       o.filter,
		SnapLen:      o.snaplen,
		BufferSize:   o.buffer * 1024,
		BlockTimeout: o.blockTimeout(),
		Workers:      1, // one reader prints, and wants all in the order of time
		Promiscuous:  !o.noPromisc,
		Direction:    map[string]capture.Direction{"in": capture.Incoming, "out": capture.Outgoing}[o.inout],
	}
	src, err := capture.Listen(name, cfg)
	if errors.Is(err, capture.ErrNoInterface) && namespace == "" {
		// As in tcpdump, a number is that of -D.
		if numbered, ok := interfaceNumber(name); ok {
			name = numbered
			src, err = capture.Listen(name, cfg)
		}
	}
	if err != nil {
		return nil, err
	}
	if o.page != nil && !o.demo && ownNamespace(namespace) {
		if err := src.SetFilter(o.page.exclude(o.filter)); err != nil {
			src.Close()
			return nil, fmt.Errorf("--web leaves out its own packets: %v", err)
		}
	}
	for _, w := range src.Warnings() {
		fmt.Fprintf(os.Stderr, "wsdump: %s\n", quoteArg(w)) // it holds an interface's name
	}
	info := src.Info()
	if namespace != "" {
		name += " of namespace " + cmp.Or(o.container, o.netns)
	}
	hello := fmt.Sprintf("wsdump: listening on %s, link-type %v, snapshot length %d bytes\n",
		quoteArg(name), info.Link, info.SnapLen)
	return &source{Source: src, eager: true, hello: hello}, nil
}

// blockTimeout is how long a packet may wait to be seen. Where nobody watches it is
// longer: then the ring holds half a minute of little traffic while a disk stalls.
func (o *options) blockTimeout() time.Duration {
	if !o.printsLines() && !o.web {
		return 120 * time.Millisecond
	}
	return capture.DefaultBlockTimeout
}

// tellInterface says what became of one of several interfaces.
func tellInterface(name string, present bool) {
	state := "is gone: the others go on"
	if present {
		state = "is back"
	}
	fmt.Fprintf(os.Stderr, "wsdump: %s %s\n", quoteArg(name), state)
}

// workers is how many parts of a file are worked on at the same time. What is
// printed comes in the order of the file.
func (o *options) workers() int {
	if o.total && o.write == "" && len(o.selection.Conns) == 0 && !o.inOrder { // numbers follow the order of the file
		return min(runtime.GOMAXPROCS(0), 4)
	}
	return 1
}

func (o *options) openFile() (*source, error) {
	f := os.Stdin
	switch {
	case len(o.more) > 0 && slices.ContainsFunc(append([]string{o.read}, o.more...), holdsLines):
		return nil, usagef("several files are read as one only where they are captures: give the files of --json one at a time, or in one stream: cat FILES | wsdump -r -")
	case len(o.more) > 0:
		return o.openSeries()
	case o.follow && o.read != "-" && !holdsLines(o.read):
		return o.openName()
	case o.read != "-":
		var err error
		if f, err = os.Open(o.read); err != nil {
			return nil, err
		}
	}
	s := &source{file: f}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a directory: give -r a capture file", o.read)
	case info.Mode().IsRegular():
		s.size = info.Size()
	default:
		s.eager = true // a pipe, perhaps of tcpdump -w -
	}
	read := func() error { return s.readHead(o) }
	switch {
	case err != nil:
	case s.eager:
		err = o.await(read)
	default: // to watch takes a while by itself
		err = read()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	if s.messages != nil {
		return s, nil
	}
	return s.reading("file " + quoteArg(o.read)), nil
}

func (o *options) fileConfig() *pcapfile.Config {
	cfg := &pcapfile.Config{Filter: strings.TrimSpace(o.filter)}
	if o.keys != nil {
		o.inFile = &fileSecrets{keys: o.keys}
		cfg.Secrets = o.inFile
	}
	return cfg
}

// readHead finds out what the file holds, and reads its header, for which a pipe
// may let it wait.
func (s *source) readHead(o *options) error {
	m, in, err := o.recorded(s.file, s.size > 0)
	if err != nil || m != nil {
		s.messages = m
		return err
	}
	cfg := o.fileConfig()
	if s.size > 0 { // a pipe cannot be read again, see errOrder
		cfg.Workers = o.workers()
		s.shared = cfg.Workers > 1
	}
	var r *pcapfile.Reader
	if in == os.Stdin {
		r, err = pcapfile.Open("-", cfg)
	} else {
		r, err = pcapfile.NewReader(in, cfg)
	}
	if err == nil {
		s.Source, s.pcapng = r, r.Format() == pcapfile.Pcapng
	}
	return err
}

// await opens what may let it wait. A signal meanwhile is the end of an empty
// capture.
func (o *options) await(open func() error) error {
	if o.end == nil {
		return open()
	}
	opened := make(chan error, 1)
	go func() { opened <- open() }()
	select {
	case err := <-opened:
		return err
	case <-o.end.asked:
		return exitStatus(0) // what waits ends with the process
	}
}

// openSeries opens several files as one.
func (o *options) openSeries() (*source, error) {
	s := &source{}
	err := o.await(func() (err error) {
		s.Source, err = pcapfile.OpenSeries(append([]string{o.read}, o.more...), o.fileConfig())
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.reading("files " + quoteArg(s.Info().Name)), nil
}

// openName follows a file by its name.
func (o *options) openName() (*source, error) {
	s := &source{eager: true}
	if _, err := os.Stat(o.read); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "wsdump: waiting for %s\n", quoteArg(o.read))
	}
	err := o.await(func() (err error) {
		s.Source, err = pcapfile.OpenName(o.read, o.fileConfig())
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.reading("file " + quoteArg(o.read)), nil
}

// reading says what is read.
func (s *source) reading(what string) *source {
	if f, ok := s.Source.(interface{ Format() pcapfile.Format }); ok {
		s.pcapng = f.Format() == pcapfile.Pcapng
	}
	s.hello = fmt.Sprintf("reading from %s, link-type %v\n", what, s.Info().Link)
	return s
}

// checkFiles refuses to write over a file that is read, or that is written already.
func (o *options) checkFiles() error {
	type use struct{ option, name string }
	var read, written []use
	for _, name := range append([]string{o.read}, o.more...) {
		read = append(read, use{"-r", name})
	}
	for _, name := range o.keylogs {
		read = append(read, use{"--keylog", name})
	}
	for _, u := range []use{{"-w", o.write}, {"--json", o.jsonFile}, {"--har", o.har}} {
		if u.name == "" || u.name == "-" {
			continue
		}
		for _, other := range read {
			if sameFile(u.name, other.name) {
				return usagef("%s %s would overwrite the file that %s reads", u.option, quoteArg(u.name), other.option)
			}
		}
		for _, other := range written {
			if filepath.Clean(u.name) == filepath.Clean(other.name) || sameFile(u.name, other.name) {
				return usagef("%s and %s would both write %s", other.option, u.option, quoteArg(u.name))
			}
		}
		written = append(written, u)
	}
	return nil
}

// sameFile says that two names are one regular file's.
func sameFile(a, b string) bool {
	one, err1 := os.Stat(a)
	two, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && one.Mode().IsRegular() && os.SameFile(one, two)
}

// save puts -w between s and the tap.
func (s *source) save(o *options) error {
	live := s.Info().Live
	cfg := &pcapfile.WriterConfig{SnapLen: o.snaplen, Rotate: o.rotation(live)}
	if cfg.Rotate != nil && o.keys != nil && savesSecrets(o.write) {
		cfg.Rotate.Begun = o.recordAgain(o.keys)
	}
	if live {
		cfg.Queue = limits.BudgetsOf(o.allowed()).Queue // for a disk that stalls
	}
	if r, ok := s.Source.(interface{ Section() pcapfile.Section }); ok {
		cfg.Section = r.Section()
	}
	w, err := pcapfile.Create(o.write, s.Info().Link, cfg)
	if err != nil {
		return err
	}
	s.writer = w
	s.Source = pcapfile.Tee(s.Source, w)
	if o.unbuf { // to the file at once
		s.Source = capture.Observe(s.Source, func(*capture.Frame) error { return w.Flush() })
	}
	return nil
}

// saved is how many packets are in the files of -w.
func (s *source) saved() uint64 {
	if s.writer == nil {
		return 0
	}
	return s.writer.Frames()
}

// finish completes the file of -w. An error tells how much is in it.
func (s *source) finish() error {
	if s.writer == nil {
		return nil
	}
	err := s.writer.Close()
	if n := s.writer.Lost(); n > 0 {
		fmt.Fprintf(os.Stderr, "wsdump: %s not saved: the file of -w was too slow\n", cli.Quantity(n, "packet"))
	}
	if err == nil || errors.Is(err, pcapfile.ErrLastFile) {
		return nil
	}
	st, _ := s.Stats() // those of a capture that was opened cannot fail
	return fmt.Errorf("%w: of %d packets %d are saved", err, st.Captured, s.writer.Frames())
}
