// Package pcapfile reads and writes capture files. A Reader is a
// capture.Source, so a file takes the place of a live capture; it needs no more
// than an io.Reader, which it reads ahead in a goroutine of its own. A Writer
// makes files that tcpdump and Wireshark read.
//
// Formats: pcap (draft-ietf-opsawg-pcap), in either byte order, with
// microseconds or nanoseconds, also in the "modified" form with longer record
// headers that some Linux tools of the 1990s wrote; and pcapng
// (draft-ietf-opsawg-pcapng) in either byte order with any resolution, any
// number of sections, interfaces and link types. Files compressed with gzip are
// unpacked on the way.
package pcapfile

import (
	"errors"
	"fmt"
	"net"

	"github.com/wstap/wstap/decode"
)

// The ways in which a file can be wrong. Errors of [Open], [NewReader] and
// [Reader.Read] that stem from the contents of a file are *[Error] values that
// wrap one of them.
var (
	// ErrEmpty is returned when the file has no bytes at all.
	ErrEmpty = errors.New("empty file")
	// ErrFormat is returned for what is no capture file that this package reads.
	ErrFormat = errors.New("not a pcap or pcapng file")
	// ErrCut is returned when the file ends inside a header or a record, after
	// all that comes before.
	ErrCut = errors.New("cut short")
	// ErrCorrupt is returned when a field contradicts the format, such as a frame
	// of 3 GB, after all that comes before.
	ErrCorrupt = errors.New("corrupt")
)

// An Error says where and how a file is wrong. Its text begins with the name of
// the file, or with that of the package where there is none.
type Error struct {
	Name   string // name of the file, or empty
	Offset int64  // byte where the trouble is: for ErrCut the length of the file (unpacked)
	Err    error  // ErrEmpty, ErrFormat, ErrCut or ErrCorrupt
	Detail string // what was found there
}

func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Err == ErrCut || e.Err == ErrCorrupt {
		s += fmt.Sprintf(" at byte %d", e.Offset)
	}
	if e.Name != "" {
		s = e.Name + ": " + s
	} else {
		s = "pcapfile: " + s
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// errClosed is what Read returns after Close.
var errClosed = fmt.Errorf("pcapfile: %w", net.ErrClosed)

// maxFrame is the longest frame taken for real. Linux makes none beyond 512 KiB
// (BIG TCP), tcpdump stores at most 256 KiB of each.
const maxFrame = 1 << 20

// fileLink maps the DLT_ values that some systems wrote into files, although
// files hold LINKTYPE_ values, to the latter.
func fileLink(v uint32) decode.LinkType {
	switch v &= 0xffff; v { // the upper half tells the length of frame check sequences
	case 11: // DLT_ATM_RFC1483 of most systems
		return decode.LinkATM
	case 12, 14: // DLT_RAW of most systems and of OpenBSD
		return decode.LinkRaw
	case 13: // DLT_ENC of OpenBSD
		return decode.LinkENC
	default:
		return decode.LinkType(v)
	}
}
