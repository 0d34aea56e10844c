package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/websocket"
)

// printStats writes the closing lines, tcpdump's three among them, and what is
// rare only where it occurred.
func printStats(w io.Writer, s websocket.Stats) {
	fmt.Fprintf(w, "%d %s on %d %s\n", s.Messages, plural(s.Messages, "message"), s.Conns, plural(s.Conns, "connection"))
	fmt.Fprintf(w, "%d %s captured\n", s.Capture.Captured, plural(s.Capture.Captured, "packet"))
	fmt.Fprintf(w, "%d %s received by filter\n", s.Capture.Received, plural(s.Capture.Received, "packet"))
	fmt.Fprintf(w, "%d %s dropped by kernel\n", s.Capture.Dropped, plural(s.Capture.Dropped, "packet"))
	fmt.Fprintf(w, "%d %s lost in gaps\n", s.LostBytes, plural(s.LostBytes, "byte"))
	for _, rare := range []struct {
		n    uint64
		what string
	}{
		{s.Undecoded, "packets that cannot be decoded"},
		{s.SkippedBytes, "bytes skipped, in which there are no frames"},
	} {
		if rare.n > 0 {
			fmt.Fprintf(w, "%d %s\n", rare.n, rare.what)
		}
	}
}

func plural(n uint64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// explain puts an error on one line and says what to do, where the error itself
// does not. Names of files and words of filters are other people's, and must
// not write on the terminal.
func explain(err error) string {
	msg := string(appendEscaped(nil, err.Error()))
	switch {
	case errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "linux":
		return msg + ": capture with tcpdump -w, and read the file with wsdump -r"
	case errors.Is(err, pcapfile.ErrEmpty), errors.Is(err, pcapfile.ErrFormat):
		return msg + ": give -r a file that tcpdump -w or wsdump -w has written"
	case errors.Is(err, pcapfile.ErrCut), errors.Is(err, pcapfile.ErrCorrupt):
		return msg + ": what comes before was read"
	}
	return msg
}
