package main

import (
	"errors"
	"io"
	"os"
	"slices"

	"github.com/wstap/wstap/export/har"
	"github.com/wstap/wstap/export/jsonl"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/websocket"
)

// A printer writes events.
type printer interface {
	Encode(websocket.Event) error
}

// printers are all that write events of one run.
type printers []printer

func (ps printers) Encode(ev websocket.Event) error {
	for _, p := range ps {
		if err := p.Encode(ev); err != nil {
			return err
		}
	}
	return nil
}

// Flush writes what waits for the next event.
func (ps printers) Flush() error {
	var errs []error
	for _, p := range ps.inner() {
		if f, ok := p.(interface{ Flush() error }); ok {
			errs = append(errs, f.Flush())
		}
	}
	return errors.Join(errs...)
}

// Show writes what can be told before the end, when a signal asks for it.
func (ps printers) Show() {
	for _, p := range ps.inner() {
		if s, ok := p.(*summary); ok {
			_ = s.Show() // an error of the output ends the run where it is written to
		}
	}
}

// inner yields the printers without what chooses for them.
func (ps printers) inner() []printer {
	list := slices.Clone(ps)
	for i, p := range list {
		if c, ok := p.(*chooser); ok {
			list[i] = c.printer
		}
	}
	return list
}

// Close ends those that have something left to write. It returns their errors.
func (ps printers) Close() error {
	var errs []error
	for _, p := range ps.inner() {
		if c, ok := p.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// shows says that events are needed one by one, and not their number alone.
func (o *options) shows() bool {
	return o.printsLines() || o.web || o.har != "" || o.extract != ""
}

// printsLines says that there is something for the standard output: not with
// --count, and with -w and --web only where --print says so.
func (o *options) printsLines() bool {
	return !o.total && (o.write == "" && !o.web || o.print || o.jsonFile != "")
}

// printer returns what writes lines to out, the standard output.
func (o *options) printer(out io.Writer) printer {
	switch {
	case o.summary:
		return newSummary(o, out)
	case o.json:
		return jsonl.NewEncoder(out, &jsonl.Config{ShowSecrets: o.secrets, OmitPayloads: o.quiet})
	}
	p := newTextPrinter(o, out)
	if cli.Colours(os.Stdout) {
		p.paint = colours
	}
	return p
}

// openPrinters returns what the options ask for. out is the standard output's.
func (o *options) openPrinters(out io.Writer) (ps printers, err error) {
	if o.printsLines() {
		ps = append(ps, o.chosen(o.printer(out)))
	}
	if o.page != nil {
		ps = append(ps, o.chosen(o.page))
	}
	if o.har != "" {
		a, err := createArchive(o.har, &har.Config{ShowSecrets: o.secrets, Creator: "wsdump", Version: version()})
		if err != nil {
			return nil, err
		}
		ps = append(ps, o.chosen(a))
	}
	if o.extract != "" {
		x, err := newExtractor(o.extract)
		if err != nil {
			return nil, errors.Join(err, ps.Close())
		}
		ps = append(ps, x)
	}
	return ps, nil
}

// An archive is the file of --har.
type archive struct {
	*har.Encoder
	file *os.File
}

func createArchive(name string, cfg *har.Config) (*archive, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return &archive{har.NewEncoder(f, cfg), f}, nil
}

// Close finishes the file. An error that Encode has returned is told there.
func (a *archive) Close() error { return join(a.Encoder.Close(), a.file.Close()) }
