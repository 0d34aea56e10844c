package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/wstap/wstap/internal/cli"
)

// A jsonFile is the file of --json=FILE. It may be moved away: from SIGHUP on a
// new one of that name takes the lines, each whole in one of them. The new one
// begins with the handshakes of the connections that go on.
type jsonFile struct {
	name string

	mu     sync.Mutex
	f      *os.File
	opens  openLines
	midway bool // the last line is not finished
	again  bool // a new file is wanted after it
}

func openJSONFile(name string) (*jsonFile, error) {
	j := &jsonFile{name: name}
	if err := j.open(); err != nil {
		return nil, err
	}
	j.opens.begin(j.f)
	cli.OnHangup(j.reopen)
	return j, nil
}

func (j *jsonFile) open() error {
	f, err := os.OpenFile(j.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	j.f = f
	return nil
}

// reopen asks for a new file.
func (j *jsonFile) reopen() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.again = true
	j.turn()
}

// turn goes on with a new file if one is wanted, and stays with the old one where
// there is none to be had. The caller holds mu.
func (j *jsonFile) turn() {
	if !j.again || j.midway {
		return
	}
	j.again = false
	old := j.f
	err := j.open()
	if err == nil {
		err = j.opens.carry(j.f)
		if cerr := old.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "wsdump: --json after SIGHUP: %s\n", explain(err))
	}
}

// Write implements io.Writer.
func (j *jsonFile) Write(b []byte) (n int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.again { // the rest of a line belongs to the old file
		n, err = j.put(b[:bytes.IndexByte(b, '\n')+1])
		if err != nil {
			return n, err
		}
		j.turn()
	}
	m, err := j.put(b[n:])
	return n + m, err
}

// put writes to the file that is open.
func (j *jsonFile) put(b []byte) (int, error) {
	n, err := j.f.Write(b)
	if n > 0 {
		j.midway = b[n-1] != '\n'
		j.opens.saw(b[:n])
	}
	return n, err
}

// dropHalf takes the n bytes of the last line away, which found no room for its end.
func (j *jsonFile) dropHalf(n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	cutEnd(j.f, n)
	j.midway = false
}

// stdout returns where messages go.
func (o *options) stdout() (io.Writer, error) {
	if o.jsonFile == "" {
		return os.Stdout, nil
	}
	return openJSONFile(o.jsonFile)
}
