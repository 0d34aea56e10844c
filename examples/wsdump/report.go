package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

// printStats writes the closing lines, tcpdump's three among them, and what is
// rare only where it occurred. With -v the accounts follow.
func (o *options) printStats(w io.Writer, s websocket.Stats) {
	messages, conns := o.shown(&s)
	fmt.Fprintf(w, "%s on %s\n", cli.Quantity(messages, "message"), cli.Quantity(conns, "connection"))
	fmt.Fprintf(w, "%s captured\n", cli.Quantity(s.Capture.Captured, "packet"))
	fmt.Fprintf(w, "%s received by filter\n", cli.Quantity(s.Capture.Received, "packet"))
	fmt.Fprintf(w, "%s dropped by kernel\n", cli.Quantity(s.Capture.Dropped, "packet"))
	fmt.Fprintf(w, "%s lost in gaps\n", cli.Quantity(s.LostBytes, "byte"))
	if s.Messages == 0 {
		printReasons(w, &s)
	}
	r, sent := &s.Reassembly, s.Traffic[0]
	sent.Add(&s.Traffic[1])
	for _, rare := range []struct {
		n          uint64
		unit, what string
	}{
		{s.Unselected, "message", " not selected"},
		{s.Messages - messages, "message", " left out, seen in copies of connections (--copies shows them)"},
		{s.ConnCopies, "connection", " seen at another place too"},
		{s.Undecoded, "packet", " that cannot be decoded"},
		{s.Guessed, "frame", " said to be Ethernet but beginning with an IP header, and read as IP"},
		{r.FragmentDropped, "IP fragment", " of packets that were never whole"},
		{r.Cut, "byte", " cut off by the snapshot length"},
		{r.Discarded, "byte", " given up while what came before them was missing"},
		{r.Queued, "byte", " waiting for what comes before them"},
		{s.HeldBytes, "byte", " waiting to be understood"},
		{s.DraftBytes, "byte", " of drafts before RFC 6455, which are not read"},
		{skippedBytes(&s), "byte", " skipped, in which there are no frames"},
		{r.Ended[reassembly.Evicted] + s.GivenUp, "TCP connection", " given up for want of room"},
		{s.WrongFinds, "time", " frames were found that turned out to be none"},
		{s.WindowsDropped, "history", " of compressed messages given up for want of room"},
		{sent.Truncated, "message", " truncated"},
		{sent.Undecoded, "message", " that cannot be inflated"},
		{sent.Partial, "message", " of which bytes are unknown: they copy what was not captured"},
		{sent.Conflicts, "message", " of which there are two versions"},
		{s.Capture.Freezes, "time", " the ring was full"},
	} {
		if rare.n > 0 {
			fmt.Fprintf(w, "%s%s\n", cli.Quantity(rare.n, rare.unit), rare.what)
		}
	}
	o.printTLS(w, &s)
	if t := s.Capture.FirstDrop; !t.IsZero() {
		fmt.Fprintf(w, "the first packet dropped after %s\n", t.Local().Format("2006-01-02 15:04:05.000000"))
	}
	if o.verbose > 0 {
		printAccounts(w, s.Accounts())
		if r.Gaps > 0 {
			fmt.Fprintf(w, "%s missing from %s in TCP connections of all kinds\n",
				cli.Quantity(r.Gapped, "byte"), cli.Quantity(r.Gaps, "place"))
		}
	}
}

// shown returns how many messages and connections there were, without copies
// unless these are shown.
func (o *options) shown(s *websocket.Stats) (messages, conns uint64) {
	if o.copies {
		return s.Messages, s.Conns
	}
	return s.Messages - s.MessageCopies, s.Conns - s.ConnCopies
}

// printAccounts writes where everything went, without what is nothing.
func printAccounts(w io.Writer, accounts []websocket.Account) {
	for _, a := range accounts {
		if a.Total == 0 {
			continue
		}
		fmt.Fprintf(w, "%d %s:\n", a.Total, a.Name)
		for _, p := range a.Parts {
			if p.N > 0 {
				fmt.Fprintf(w, "\t%d %s\n", p.N, p.Name)
			}
		}
	}
}

// errReaderGone: who read the standard output has closed it. That is how `| head`
// ends things, so it is no failure.
var errReaderGone = errors.New("nobody reads the standard output")

// readerGone finds errReaderGone in an error of writing to standard output.
func readerGone(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return errReaderGone
	}
	return err
}

// join is errors.Join, with what several places tell only once.
func join(errs ...error) error {
	var all error
	for _, err := range errs {
		if !errors.Is(all, err) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// explain puts an error on one line and says what to do, where the error itself
// does not. Names of files and words of filters are other people's, and must
// not write on the terminal.
func explain(err error) string {
	msg := escape.String(strings.ReplaceAll(err.Error(), "\n", "; "))
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
