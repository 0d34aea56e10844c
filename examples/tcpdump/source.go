package main

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/cli"
)

// descriptions are what tcpdump calls link types beside their names.
var descriptions = map[decode.LinkType]string{
	decode.LinkNull: "BSD loopback", decode.LinkEthernet: "Ethernet", decode.LinkRaw: "Raw IP",
	decode.LinkLoop: "OpenBSD loopback", decode.LinkSLL: "Linux cooked v1", decode.LinkIPv4: "Raw IPv4",
	decode.LinkIPv6: "Raw IPv6", decode.LinkSLL2: "Linux cooked v2",
}

func describe(l decode.LinkType) string {
	if l == 12 {
		l = decode.LinkRaw
	}
	if d, ok := descriptions[l]; ok {
		return fmt.Sprintf("link-type %v (%s)", l, d)
	}
	return fmt.Sprintf("link-type %d", l)
}

// open opens the file or the interface, and tells so.
func (s *session) open() error {
	if s.read != "" {
		return s.openFile()
	}
	if s.iface == "" {
		list, err := cli.Interfaces()
		if err != nil {
			return err
		}
		s.iface = list[0].Name
	}
	cfg := &capture.Config{
		Filter: s.expr, SnapLen: s.snapLen, Promiscuous: !s.noPromiscuous, Direction: s.direction,
		BufferSize: s.bufferKiB << 10, Workers: 1,
	}
	l, err := capture.Listen(s.iface, cfg)
	if n, notNumber := strconv.Atoi(s.iface); notNumber == nil && errors.Is(err, capture.ErrNoInterface) {
		list, err2 := cli.Interfaces()
		if err2 != nil {
			return err2
		}
		if n < 1 || n > len(list) {
			return fmt.Errorf("%s: there are %d interfaces (-D lists them)", s.iface, len(list))
		}
		s.iface = list[n-1].Name
		l, err = capture.Listen(s.iface, cfg)
	}
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s: You don't have permission to capture on that device\n(%w)", s.iface, err)
	case errors.Is(err, capture.ErrNoInterface):
		return fmt.Errorf("%s: No such device exists\n(-D lists the interfaces)", s.iface)
	case err != nil:
		return err
	}
	for _, warning := range l.Warnings() {
		fmt.Fprintf(s.stderr, "tcpdump: WARNING: %s\n", warning)
	}
	s.src, s.live, s.snapLen = l, true, l.Info().SnapLen
	if strings.HasPrefix(s.iface, capture.Any) {
		fmt.Fprintf(s.stderr, "tcpdump: data link type %v\n", l.Info().Link)
	}
	return nil
}

func (s *session) openFile() error {
	var r *pcapfile.Reader
	var err error
	if s.read == "-" {
		r, err = pcapfile.NewReader(s.stdin, nil)
	} else {
		r, err = pcapfile.Open(s.read, nil)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s: No such file or directory", s.read)
	case err != nil:
		return err
	}
	s.src = r
	info := r.Info()
	s.snapLen = cmp.Or(info.SnapLen, maxSnapLen)
	fmt.Fprintf(s.stderr, "reading from file %s, %s, snapshot length %d\n", s.read, describe(info.Link), s.snapLen)
	if info.Link == decode.LinkSLL2 {
		fmt.Fprintln(s.stderr, "Warning: interface names might be incorrect")
	}
	return nil
}

// announce tells that a live capture begins.
func (s *session) announce() {
	if !s.live {
		return
	}
	suppressed := ""
	if s.v == 0 && s.write == "" {
		suppressed = "verbose output suppressed, use -v[v]... for full protocol decode\n"
	}
	fmt.Fprintf(s.stderr, "tcpdump: %slistening on %s, %s, snapshot length %d bytes\n", suppressed, s.iface, describe(s.src.Info().Link), s.snapLen)
}

// compile compiles the expression for frames of a file. Without an expression
// there is no program, and every link type will do.
func (s *session) compile(link decode.LinkType) (*filter.Program, error) {
	if strings.TrimSpace(s.expr) == "" {
		return nil, nil
	}
	p, err := filter.Compile(s.expr, filter.Target{Link: link, Order: binary.LittleEndian})
	if e := (*filter.Error)(nil); errors.As(err, &e) {
		return nil, fmt.Errorf("%w\n%s", err, e.Point())
	}
	return p, err
}

// dumpProgram prints the compiled filter.
func (s *session) dumpProgram(link decode.LinkType, snapLen int) error {
	if s.src == nil {
		if s.linkType == "" {
			fmt.Fprintln(s.stderr, "Warning: assuming Ethernet")
		} else if link = linkNamed(s.linkType); link == 0 && !strings.EqualFold(s.linkType, "NULL") {
			return fmt.Errorf("invalid data link type %s", s.linkType)
		}
	}
	p, err := filter.Compile(s.expr, filter.Target{Link: link, Order: binary.LittleEndian, Live: s.live, SnapLen: uint32(snapLen)})
	if err != nil {
		return err
	}
	text := p.String()
	switch {
	case s.dump == 2:
		text = p.C()
	case s.dump > 2:
		text = p.Decimal()
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err = fmt.Fprint(s.stdout, text)
	return err
}

// linkNamed returns the link type of a name such as EN10MB; 0 if there is none.
func linkNamed(name string) decode.LinkType {
	for l := range descriptions {
		if strings.EqualFold(name, l.String()) {
			return l
		}
	}
	return 0
}
