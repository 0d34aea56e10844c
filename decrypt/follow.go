package decrypt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// pollInterval is how often a followed file is looked at.
const pollInterval = 50 * time.Millisecond

// OpenKeyLog returns a KeyLog that follows a file: see [KeyLog.Follow].
func OpenKeyLog(path string) (*KeyLog, error) {
	k := NewKeyLog()
	if err := k.Follow(path); err != nil {
		return nil, err
	}
	return k, nil
}

// Follow adds the lines of a file, and those that come later, until Close. What a
// regular file holds already is added before Follow returns. The file may grow,
// be replaced or emptied, and may not be there yet; a named pipe may have one
// writer after the other; "-" is the standard input. Only a file that is there and
// cannot be read is an error.
func (k *KeyLog) Follow(path string) error {
	if path == "-" {
		k.pending.Add(1)
		go k.readInput(os.Stdin) // its Read cannot be interrupted: Close does not wait for it
		return nil
	}
	f := &follower{log: k, path: path, began: time.Now()}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return &fs.PathError{Op: "follow", Path: path, Err: syscall.EISDIR}
	case err == nil && info.Mode().IsRegular():
		if err := f.open(); err != nil {
			return err
		}
		if err := f.read(); err != nil {
			return err
		}
	case err == nil:
		f.pending = true
		k.pending.Add(1)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	k.readers.Add(1)
	go f.run()
	return nil
}

// Close stops following files. What is known stays known, and Write goes on.
func (k *KeyLog) Close() error {
	k.mu.Lock()
	files := k.open
	k.open = nil
	k.mu.Unlock()
	if files == nil {
		return nil
	}
	close(k.done)
	for f := range files {
		f.Close()
	}
	k.readers.Wait()
	return nil
}

// readInput reads r to its end.
func (k *KeyLog) readInput(r io.Reader) {
	f := &follower{log: k}
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		f.take(buf[:n])
		if err != nil {
			f.takeRest()
			k.ended()
			return
		}
	}
}

// ended counts down pending, and wakes who waits for that.
func (k *KeyLog) ended() {
	k.pending.Add(-1)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.version.Add(1)
	k.publish()
}

// A follower follows one file.
type follower struct {
	log     *KeyLog
	path    string
	file    *os.File // nil: not open
	info    os.FileInfo
	offset  int64
	tail    []byte // the last bytes before offset, to know the file again
	lines   lineReader
	rest    int  // length of the unfinished line that was taken
	pending bool // of a pipe, and nobody has ended writing yet
	began   time.Time
}

func (f *follower) run() {
	defer f.log.readers.Done()
	defer f.close()
	if f.pending {
		defer func() {
			if f.pending {
				f.log.ended()
			}
		}()
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if f.file == nil {
			_ = f.open() // it may come later
		}
		if f.file != nil && (f.read() != nil || f.replaced()) {
			f.close()
			continue
		}
		select {
		case <-f.log.done:
			return
		case <-tick.C:
		}
	}
}

// open opens the file. A pipe without a writer does not block.
func (f *follower) open() error {
	file, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "follow", Path: f.path, Err: syscall.EISDIR}
	}
	k := f.log
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil && k.open == nil {
		err = fmt.Errorf("decrypt: key log: %w", os.ErrClosed)
	}
	if err != nil {
		file.Close()
		return err
	}
	k.open[file] = true
	f.file, f.info = file, info
	f.restart()
	return nil
}

// restart begins the file anew.
func (f *follower) restart() {
	f.offset, f.tail, f.lines, f.rest = 0, f.tail[:0], lineReader{}, 0
}

func (f *follower) close() {
	if f.file == nil {
		return
	}
	f.takeRest()
	k := f.log
	k.mu.Lock()
	delete(k.open, f.file)
	k.mu.Unlock()
	f.file.Close()
	f.file = nil
}

// read takes what the file has more than before.
func (f *follower) read() error {
	if f.info.Mode().IsRegular() && f.rewritten() {
		f.takeRest()
		f.restart()
		if _, err := f.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := f.file.Read(buf)
		f.offset += int64(n)
		f.take(buf[:n])
		f.remember(buf[:n])
		if err == io.EOF {
			f.takeRest()
			if f.pending && (f.offset > 0 || time.Since(f.began) > time.Second) {
				f.pending = false // all is said, or nobody has come to say it
				f.log.ended()
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// remembered is how many bytes before offset are compared.
const remembered = 64

func (f *follower) remember(b []byte) {
	f.tail = append(f.tail, b...)
	if n := len(f.tail) - remembered; n > 0 {
		f.tail = append(f.tail[:0], f.tail[n:]...)
	}
}

// rewritten says that the file is no longer what it was, only longer.
func (f *follower) rewritten() bool {
	if f.offset == 0 {
		return false
	}
	var b [remembered]byte
	n, _ := f.file.ReadAt(b[:len(f.tail)], f.offset-int64(len(f.tail)))
	return !bytes.Equal(b[:n], f.tail)
}

// replaced says that the path names another file by now. One that was removed is
// read on: it may still grow.
func (f *follower) replaced() bool {
	info, err := os.Stat(f.path)
	return err == nil && !os.SameFile(info, f.info)
}

func (f *follower) take(b []byte) {
	k := f.log
	k.mu.Lock()
	defer k.mu.Unlock()
	for l := range f.lines.lines(b) {
		k.take(l)
	}
	if len(b) > 0 {
		f.rest = 0
	}
	k.publish()
}

// takeRest takes the last line of a file that does not end with a line's end, if
// it is whole. Should it go on later it is taken again.
func (f *follower) takeRest() {
	l := f.lines.rest()
	if l == nil || len(l) == f.rest {
		return
	}
	f.rest = len(l)
	k := f.log
	k.mu.Lock()
	defer k.mu.Unlock()
	k.take(l)
	k.publish()
}
