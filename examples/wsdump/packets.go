package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
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

func interfaceName(src capture.Source, i int) string {
	if name := src.Info().InterfaceName; name != nil {
		return name(i)
	}
	return ""
}

// ends are the addresses of a connection, in one direction.
type ends struct{ from, to netip.AddrPort }

// write writes the packets of connections as pcapng, with the TLS secrets that the
// file holds. Connections that are not found by their addresses are in tunnels: then
// all packets that are no TCP come along. Fragments between the hosts do always.
func (k *kept) write(ctx context.Context, w io.Writer, conns []*websocket.Conn) error {
	wanted := make(map[ends]bool, 2*len(conns)) // value: it was found
	hosts := make(map[[2]netip.Addr]bool, 2*len(conns))
	for _, c := range conns {
		for _, e := range []ends{{c.Client, c.Server}, {c.Server, c.Client}} {
			wanted[e] = false
			hosts[[2]netip.Addr{e.from.Addr(), e.to.Addr()}] = true
		}
	}
	src, err := k.open(nil)
	if err != nil {
		return err
	}
	link := src.Info().Link
	err = k.each(ctx, src, func(_ *capture.Frame, p *decode.Packet) error {
		if e := (ends{p.Src(), p.Dst()}); p.TCP {
			if found, ok := wanted[e]; ok && !found {
				wanted[e] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	tunnels := false
	for _, c := range conns {
		tunnels = tunnels || !wanted[ends{c.Client, c.Server}] && !wanted[ends{c.Server, c.Client}]
	}

	var names func(int) string
	out, err := pcapfile.NewWriter(w, link, &pcapfile.WriterConfig{
		Format: pcapfile.Pcapng,
		Describe: func(f *capture.Frame) pcapfile.Interface {
			i := pcapfile.Interface{Link: f.Link}
			if names != nil {
				i.Name = names(f.Interface)
			}
			return i
		},
	})
	if err != nil {
		return err
	}
	if src, err = k.open(secretsOf{out}); err != nil {
		return errors.Join(err, out.Close())
	}
	names = func(i int) string { return interfaceName(src, i) }
	err = k.each(ctx, src, func(f *capture.Frame, p *decode.Packet) error {
		keep := false
		switch {
		case p.TCP:
			_, keep = wanted[ends{p.Src(), p.Dst()}]
		case p.Fragment:
			keep = tunnels || hosts[[2]netip.Addr{p.Src().Addr(), p.Dst().Addr()}]
		default:
			keep = tunnels
		}
		if !keep {
			return nil
		}
		return out.WriteFrame(f)
	})
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("reading the packets again: %w", err)
	}
	return nil
}
