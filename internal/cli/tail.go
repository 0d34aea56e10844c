package cli

import (
	"io"
	"time"
)

// Tail returns a reader that waits at the end of r for more, until gone is closed:
// then that is the end.
func Tail(r io.Reader, gone <-chan struct{}) io.Reader { return &tail{r, gone} }

type tail struct {
	io.Reader
	gone <-chan struct{}
}

func (t *tail) Read(b []byte) (int, error) {
	for {
		if n, err := t.Reader.Read(b); n > 0 || err != io.EOF {
			return n, err
		}
		select {
		case <-t.gone:
			return 0, io.EOF
		case <-time.After(100 * time.Millisecond):
		}
	}
}
