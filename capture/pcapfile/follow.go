package pcapfile

import (
	"fmt"
	"io"
	"os"
	"time"
)

// followInterval is how often a follower looks for more.
const followInterval = 100 * time.Millisecond

// A follower waits for more where r ends.
type follower struct {
	r       io.Reader
	done    <-chan struct{}
	pos     int64
	pursuit *pursuit // of a name, or nil
	passing bool     // another file has the name: what r has left is all
}

// endless says whether following r makes sense.
func endless(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return true
	}
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}

func (f *follower) Read(b []byte) (int, error) {
	for {
		n, err := f.r.Read(b)
		f.pos += int64(n)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		if err := f.end(); err != nil {
			return 0, err
		}
		var quit <-chan struct{}
		if f.pursuit != nil {
			quit = f.pursuit.quit
		}
		select {
		case <-f.done:
			return 0, errClosed
		case <-quit:
			return 0, errStopped
		case <-time.After(followInterval):
		}
	}
}

// end returns why r, which has no more now, will have no more. What was written
// before another file took the name is read all the same.
func (f *follower) end() error {
	file, ok := f.r.(*os.File)
	if !ok {
		return nil
	}
	st, err := file.Stat()
	shorter := err == nil && st.Size() < f.pos
	switch {
	case f.passing:
		return io.EOF
	case f.pursuit != nil:
		f.passing = shorter || err == nil && f.pursuit.replaced(st)
	case shorter:
		return fmt.Errorf("pcapfile: %s became shorter while it was followed: %w", file.Name(), ErrCorrupt)
	}
	return nil
}

// A pursuit is how a [Pursuer]'s files end.
type pursuit struct {
	name string
	quit chan struct{} // closed by Stop and Close
}

// replaced reports whether the name is another file's now. Where it is nobody's,
// the new file is still to come.
func (p *pursuit) replaced(st os.FileInfo) bool {
	now, err := os.Stat(p.name)
	return err == nil && !os.SameFile(now, st)
}
