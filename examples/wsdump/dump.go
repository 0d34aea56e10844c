package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

// dumpFilter prints the compiled filter as tcpdump's -d, -dd and -ddd do. It
// opens no capture, so it needs no privilege.
func (o *options) dumpFilter(w io.Writer) error {
	t := filter.Target{SnapLen: uint32(o.snaplen), Order: binary.LittleEndian}
	if o.read != "" {
		s, err := (&options{read: o.read}).openFile()
		if err != nil {
			return err
		}
		s.announce()
		t.Link = s.Info().Link
		s.Close()
	} else {
		link, err := linkType(o.iface)
		if err != nil {
			return err
		}
		t.Link = link
	}
	p, err := filter.Compile(o.filter, t)
	if err != nil {
		return err
	}
	text := p.Decimal
	switch o.dump {
	case 1:
		text = p.String
	case 2:
		text = p.C
	}
	_, err = fmt.Fprintln(w, strings.TrimSuffix(text(), "\n"))
	return err
}

// linkType is the link type that a capture on the interface would have.
func linkType(name string) (decode.LinkType, error) {
	if name == capture.Any || strings.Contains(name, ",") {
		return decode.LinkSLL2, nil
	}
	if _, err := net.InterfaceByName(name); err != nil {
		numbered, ok := interfaceNumber(name)
		if !ok {
			return 0, fmt.Errorf("%s: %w", quoteArg(name), capture.ErrNoInterface)
		}
		return linkType(numbered)
	}
	hardware, _ := os.ReadFile("/sys/class/net/" + name + "/type")
	text := strings.TrimSpace(string(hardware))
	if text == "" {
		return decode.LinkEthernet, nil
	}
	arphrd, err := strconv.ParseUint(text, 10, 16)
	return decode.DeviceLink(uint16(arphrd)), err
}
