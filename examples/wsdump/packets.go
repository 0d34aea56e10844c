package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/websocket"
)

// kept is where the packets of a capture can be read again.
type kept struct {
	files  []string
	filter string
	flush  func() error // before reading; nil: nothing is to be done
	why    string       // there are none; empty: there are
}

// kept says where the packets are that s gives out.
func (o *options) kept(s *source) *kept {
	k := o.packets(s)
	for _, name := range k.files {
		if err := canReopen(name); err != nil {
			return &kept{why: "the packets cannot be read again: " + explain(err)}
		}
	}
	return k
}

// canReopen says why a file cannot be read again: it is a pipe, or it was opened as
// root, who was given up.
func canReopen(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // whose reader would lose what is read here
		return fmt.Errorf("%s is not a regular file", quoteArg(name))
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

func (o *options) packets(s *source) *kept {
	switch files := append([]string{o.read}, o.more...); {
	case o.read != "" && !slices.Contains(files, "-") && (s.size > 0 || s.file == nil):
		return &kept{files: files, filter: o.filter}
	case o.write == "-" || o.write != "" && o.rotates():
		return &kept{why: "the packets go to several files, or to a pipe: -w with one file keeps them"}
	case o.write != "":
		return &kept{files: []string{o.write}, flush: s.writer.Flush}
	}
	return &kept{why: "the packets are not kept: capture with -w FILE, or read them with -r FILE"}
}

func (k *kept) open(secrets io.Writer) (capture.Source, error) {
	if k.flush != nil {
		_ = k.flush() // an error of the file is told where it is written
	}
	cfg := &pcapfile.Config{Filter: k.filter, Secrets: secrets}
	if len(k.files) > 1 {
		return pcapfile.OpenSeries(k.files, cfg)
	}
	return pcapfile.Open(k.files[0], cfg)
}

// each reads all packets again. A file that is still written ends in the midst of one.
func (k *kept) each(ctx context.Context, src capture.Source, f func(*capture.Frame, *decode.Packet) error) error {
	defer src.Close()
	var p decode.Packet
	frames := make([]capture.Frame, 64)
	for ctx.Err() == nil {
		n, err := src.Read(frames)
		for i := range frames[:n] {
			fr := &frames[i]
			_ = p.DecodeCut(fr.Link, fr.Data, fr.Length) // what is there is there
			if err := f(fr, &p); err != nil {
				return err
			}
		}
		if err == io.EOF || errors.Is(err, pcapfile.ErrCut) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// ends are the addresses of a connection, in one direction.
type ends struct{ from, to netip.AddrPort }

// A packetChoice says which packets belong to connections, by addresses. Connections
// that are not found so are in tunnels: then all packets that are no TCP come along.
type packetChoice struct {
	ends    map[ends]bool // value: it was found
	hosts   map[[2]netip.Addr]bool
	tunnels bool
}

func choosePackets(conns []*websocket.Conn) *packetChoice {
	c := &packetChoice{ends: make(map[ends]bool), hosts: make(map[[2]netip.Addr]bool)}
	for _, conn := range conns {
		for _, e := range []ends{{conn.Client, conn.Server}, {conn.Server, conn.Client}} {
			c.ends[e] = false
			c.hosts[[2]netip.Addr{e.from.Addr(), e.to.Addr()}] = true
		}
	}
	return c
}

// look finds out which connections there are.
func (c *packetChoice) look(p *decode.Packet) {
	if !p.TCP {
		return
	}
	e := ends{p.Src(), p.Dst()}
	if found, wanted := c.ends[e]; wanted && !found {
		c.ends[e] = true
	}
}

// looked ends the looking.
func (c *packetChoice) looked() {
	for e, found := range c.ends {
		if !found && !c.ends[ends{e.to, e.from}] {
			c.tunnels = true
		}
	}
}

func (c *packetChoice) has(p *decode.Packet) bool {
	switch {
	case p.TCP:
		_, wanted := c.ends[ends{p.Src(), p.Dst()}]
		return wanted
	case p.Fragment:
		return c.tunnels || c.hosts[[2]netip.Addr{p.Src().Addr(), p.Dst().Addr()}]
	}
	return c.tunnels
}

// write writes the packets of connections as pcapng, with the TLS secrets that the
// file holds. It reads the file twice.
func (k *kept) write(ctx context.Context, w io.Writer, conns []*websocket.Conn) error {
	src, err := k.open(nil)
	if err != nil {
		return err
	}
	out, err := pcapfile.NewWriter(w, src.Info().Link, &pcapfile.WriterConfig{
		Format: pcapfile.Pcapng,
		Describe: func(f *capture.Frame) pcapfile.Interface {
			return pcapfile.Interface{Link: f.Link, Name: interfaceName(src, f)}
		},
	})
	if err != nil {
		src.Close()
		return err
	}
	choice := choosePackets(conns)
	err = k.each(ctx, src, func(_ *capture.Frame, p *decode.Packet) error {
		choice.look(p)
		return nil
	})
	choice.looked()
	if err == nil {
		src, err = k.open(secretsOf{out})
	}
	if err == nil {
		err = k.each(ctx, src, func(f *capture.Frame, p *decode.Packet) error {
			if !choice.has(p) {
				return nil
			}
			return out.WriteFrame(f)
		})
	}
	return errors.Join(err, out.Close())
}

func interfaceName(src capture.Source, f *capture.Frame) string {
	if name := src.Info().InterfaceName; name != nil {
		return name(f.Interface)
	}
	return ""
}
