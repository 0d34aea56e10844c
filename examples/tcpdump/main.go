// Command tcpdump is the packet view of tcpdump(8), built on wstap alone: for
// TCP over IPv4 and IPv6 its output equals tcpdump 4.99's byte for byte.
//
//	tcpdump [-AdDehKlnNOpqStUvxX#] [-B KIB] [-c COUNT] [-F FILE] [-i INTERFACE] [-Q in|out|inout]
//	        [-r FILE] [-s SNAPLEN] [-w FILE] [-y LINKTYPE] [--count] [--micro] [--nano] [--number]
//	        [--print] [--time-stamp-precision micro|nano] [--version] [EXPRESSION]
//
// UDP, ICMP, ICMPv6, ARP, 802.2 and the tunnels GRE, VXLAN, MPLS and PPPoE print
// as there. Of payloads only text protocols are told (HTTP, SMTP, FTP, RTSP,
// WHOIS, SIP, SSH's banner, BEEP), by their ports as tcpdump does; of DNS,
// SNMP and all the others that tcpdump dissects the length prints.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
)

const usage = `Usage: tcpdump [-AdDehKlnNOpqStUvxX#] [ -B size ] [ -c count ] [--count]
		[ -F file ] [ -i interface ] [ --immediate-mode ] [ --number ]
		[ --print ] [ -Q in|out|inout ] [ -r file ] [ -s snaplen ]
		[ --version ] [ -w file ] [ -y datalinktype ]
		[ --time-stamp-precision precision ] [ --micro ] [ --nano ]
		[ expression ]
`

func main() {
	ctx, end := context.WithCancel(context.Background())
	cli.OnEnd(end, func() { os.Exit(1) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: it returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	stderr = escape.Writer{W: stderr}
	c, err := parse(args)
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "tcpdump: %s%s", strings.TrimSuffix(err.Error(), errUsage.Error()), usage)
		return 1
	case err != nil:
		fmt.Fprintf(stderr, "tcpdump: %v\n", err)
		return 1
	case c.help:
		io.WriteString(stdout, usage)
		return 0
	case c.version:
		fmt.Fprintln(stdout, "tcpdump of wstap, printing as tcpdump 4.99.3")
		return 0
	}
	s := &session{config: c, stdin: stdin, stdout: stdout, stderr: stderr, out: bufio.NewWriterSize(stdout, 64<<10)}
	if err := s.run(ctx); err != nil {
		if errors.Is(err, errTold) {
			return 1
		}
		s.out.Flush()
		fmt.Fprintf(stderr, "tcpdump: %v\n", err)
		return 1
	}
	return 0
}

// A session is one run of the program.
type session struct {
	*config
	stdin          io.Reader
	stdout, stderr io.Writer
	out            *bufio.Writer

	src      capture.Source
	live     bool
	filters  map[decode.LinkType]*filter.Program // of a file
	mu       sync.Mutex
	captured uint64
}

func (s *session) run(ctx context.Context) error {
	if s.list {
		list, err := cli.Interfaces()
		if err != nil {
			return err
		}
		return cli.ListInterfaces(s.stdout, list, "Pseudo-device that captures on all interfaces")
	}
	if s.filterFile != "" {
		b, err := os.ReadFile(s.filterFile)
		if err != nil {
			return fmt.Errorf("can't open %w", err)
		}
		s.expr = string(b)
	}
	if s.dump > 0 && s.read == "" && s.iface == "" {
		return s.dumpProgram(decode.LinkEthernet, s.snapLen)
	}
	if err := s.open(); err != nil {
		return err
	}
	defer s.src.Close()
	if s.dump > 0 {
		return s.dumpProgram(s.src.Info().Link, s.snapLen)
	}
	if !s.live {
		p, err := s.compile(s.src.Info().Link)
		if err != nil {
			return err
		}
		s.filters = map[decode.LinkType]*filter.Program{s.src.Info().Link: p}
	}
	if _, ok := printers[s.src.Info().Link]; !ok && s.write == "" && !s.countOnly {
		return fmt.Errorf("packet printing is not supported for link type %v: use -w", s.src.Info().Link)
	}
	return s.loop(ctx)
}

// loop reads, and prints or writes, until the end.
func (s *session) loop(ctx context.Context) error {
	var w *pcapfile.Writer
	if s.write != "" {
		cfg := &pcapfile.WriterConfig{Format: pcapfile.Pcap, SnapLen: s.snapLen, Microseconds: !s.nano}
		var err error
		if s.write == "-" {
			w, err = pcapfile.NewWriter(s.stdout, s.src.Info().Link, cfg)
		} else {
			w, err = pcapfile.Create(s.write, s.src.Info().Link, cfg)
		}
		if err != nil {
			return err
		}
		defer w.Close()
	}
	s.announce()

	stop := context.AfterFunc(ctx, func() { s.src.Close() })
	defer stop()
	defer s.reportOnSignal()()

	p := newPrinter(s.options)
	flush := s.lineBuffered || s.packetBuffered || cli.IsTerminal(s.stdout)
	err := s.packets(func(f *capture.Frame) error {
		if w != nil {
			if err := w.WriteFrame(f); err != nil {
				return err
			}
			if s.packetBuffered {
				if err := w.Flush(); err != nil {
					return err
				}
			}
		}
		if (w == nil || s.print) && !s.countOnly {
			if _, err := s.out.Write(p.print(f, s.captured)); err != nil {
				return err
			}
			if flush {
				return s.out.Flush()
			}
		}
		return nil
	})
	interrupted := ctx.Err() != nil && errors.Is(err, net.ErrClosed)
	if interrupted {
		err = nil
		if w == nil {
			s.out.WriteString("\n")
		}
	}
	if w != nil {
		if werr := w.Close(); err == nil { // otherwise it is the same, or follows
			err = werr
		}
	}
	if ferr := s.out.Flush(); err == nil {
		err = ferr
	}
	if err != nil {
		fmt.Fprintf(s.stderr, "tcpdump: pcap_loop: %v\n", err)
	}
	if s.live {
		s.report("\n", "")
	} else if s.countOnly {
		fmt.Fprintln(s.stdout, cli.Quantity(s.captured, "packet"))
	}
	if err != nil {
		return errTold
	}
	return nil
}

// errTold ends the program after an error that standard error shows already,
// before the counters.
var errTold = errors.New("told")

// packets calls each for every packet that the filter selects.
func (s *session) packets(each func(*capture.Frame) error) error {
	for f, err := range capture.Frames(s.src) {
		if err != nil {
			return err
		}
		if !s.live {
			// As libpcap does, believe the file's limit more than the frame's length.
			f.Data = f.Data[:min(len(f.Data), s.snapLen)]
			program, ok := s.filters[f.Link]
			if !ok { // a pcapng file with several
				var err error
				if program, err = s.compile(f.Link); err != nil {
					return err
				}
				s.filters[f.Link] = program
			}
			if program != nil && program.Match(f.Data, &filter.Meta{Length: f.Length}) == 0 {
				continue
			}
		}
		s.mu.Lock()
		s.captured++
		s.mu.Unlock()
		if err := each(f); err != nil {
			return err
		}
		if s.captured == s.count {
			return nil
		}
	}
	return nil
}

// reportOnSignal prints the counters of a live capture on SIGUSR1, until undo.
func (s *session) reportOnSignal() (undo func()) {
	if !s.live {
		return func() {}
	}
	return cli.OnStats(func() { s.report(", ", "tcpdump: ") })
}

// report prints the counters of a live capture.
func (s *session) report(sep, prefix string) {
	stats, err := s.src.Stats()
	if err != nil {
		fmt.Fprintf(s.stderr, "pcap_stats: %v\n", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.stderr, "%s%s captured%s%s received by filter%s%s dropped by kernel\n", prefix, cli.Quantity(s.captured, "packet"), sep,
		cli.Quantity(stats.Received, "packet"), sep, cli.Quantity(stats.Dropped, "packet"))
}
