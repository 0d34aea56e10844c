package main

import "github.com/wstap/wstap/internal/cli"

// dump prints the packet's bytes as -X, -x and -A ask for. Doubled, they
// include the link header.
func (p *printer) dump() {
	from := func(doubled bool) (off, n int) {
		if !doubled {
			off = min(p.link, len(p.b))
		}
		return off, len(p.b) - off
	}
	switch {
	case p.X > 0:
		if off, n := from(p.X > 1); n > 0 {
			p.hexASCII("\n\t", off, n)
		}
	case p.x > 0:
		if off, n := from(p.x > 1); n > 0 {
			p.hex("\n\t", off, n, 0)
		}
	case p.A > 0:
		if off, n := from(p.A > 1); n > 0 {
			p.ascii(off, n)
		}
	}
}

// unknown dumps a payload that no printer knows.
func (p *printer) unknown(off, n int) {
	if !p.quiet() {
		p.hexASCII("\n\t", off, n)
	}
}

// unknownData dumps what is there of n bytes.
func (p *printer) unknownData(ident string, off, n int) {
	if off > p.end {
		p.f("%sDissector error: print_unknown_data called with pointer past end of packet", ident)
		return
	}
	p.hex(ident, off, min(n, p.rest(off)), 0)
}

// ascii prints bytes as text: line ends and tabs as they are, other control
// characters as dots.
func (p *printer) ascii(off, n int) {
	p.s("\n")
	b := p.b[off:min(off+n, p.end)]
	for i, c := range b {
		switch {
		case c == '\r':
			// At the end of a line, and of the packet, it is left out.
			if i+2 < len(b) && b[i+1] != '\n' {
				p.s(".")
			}
		case cli.Graphic(c), c == '\t', c == ' ', c == '\n':
			p.out = append(p.out, c)
		default:
			p.s(".")
		}
	}
	if len(b) < n {
		panic(cut{})
	}
}

// hexASCII prints lines of 16 bytes as hexadecimal and text.
func (p *printer) hexASCII(ident string, off, n int) { p.hexRows(ident, off, n, 0, cli.Graphic) }

// hex prints lines of 16 bytes as hexadecimal, the first with address base.
func (p *printer) hex(ident string, off, n, base int) { p.hexRows(ident, off, n, base, nil) }

func (p *printer) hexRows(ident string, off, n, base int, show func(byte) bool) {
	have := min(n, p.rest(off))
	for i := 0; i < have; i += cli.HexRow {
		p.s(ident)
		p.out = cli.AppendHexRow(p.out, base+i, p.b[off+i:off+min(i+cli.HexRow, have)], show)
	}
	if have < n {
		panic(cut{})
	}
}

// char prints one byte the way cat -v does.
func (p *printer) char(c byte) {
	if c >= 0x80 {
		c &= 0x7f
		p.s("M-")
	}
	if !cli.Printable(c) {
		c ^= 0x40
		p.s("^")
	}
	p.out = append(p.out, c)
}
