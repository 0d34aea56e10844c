package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// ngKey tells interfaces apart: by number, and by link type, since a pcapng
// interface has but one.
type ngKey struct {
	number int
	link   decode.LinkType
}

// A pcapngEncoder writes one little-endian pcapng section.
type pcapngEncoder struct {
	link     decode.LinkType
	snaplen  uint32
	unit     int64 // nanoseconds of a timestamp
	describe func(*capture.Frame) Interface
	ids      map[ngKey]uint32
	known    []ngInterfaceOf // by id
	lastKey  ngKey           // the entry of ids used last
	lastID   uint32
	secrets  []byte // lines that wait for the next frame
}

// ngInterfaceOf is what was told of an interface.
type ngInterfaceOf struct {
	key ngKey
	Interface
}

var errLongOption = errors.New("pcapfile: a text of more than 65535 bytes")

// newPcapngEncoder returns the encoder of a file that knows the interfaces of
// before, if that is not nil.
func newPcapngEncoder(b []byte, link decode.LinkType, cfg *WriterConfig, before *pcapngEncoder) (encoder, []byte) {
	e := &pcapngEncoder{link: link, snaplen: capture.DefaultSnapLen, unit: 1, describe: cfg.Describe, ids: map[ngKey]uint32{}}
	if cfg.Microseconds {
		e.unit = 1000
	}
	if cfg.SnapLen > 0 {
		e.snaplen = uint32(cfg.SnapLen)
	}
	s := cfg.Section
	if s.Hardware+s.OS+s.Application == "" && len(s.Comments) == 0 {
		s.Application = "wstap"
	}
	le := binary.LittleEndian
	b, start := beginBlock(b, blockSection)
	b = le.AppendUint32(b, byteOrderMagic)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, math.MaxUint64) // length unknown
	b = appendTexts(b, optComment, s.Comments...)
	b = appendTexts(b, optSectionHardware, s.Hardware)
	b = appendTexts(b, optSectionOS, s.OS)
	b = appendTexts(b, optSectionApplication, s.Application)
	b = endBlock(b, start, true)
	if before != nil {
		for _, known := range before.known {
			b, _ = e.add(b, known.key, known.Interface)
		}
	}
	return e, b
}

func beginBlock(b []byte, typ uint32) ([]byte, int) {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, typ)
	return binary.LittleEndian.AppendUint32(b, 0), start
}

// endBlock ends the list of options, if there is one, and fills in the lengths.
func endBlock(b []byte, start int, options bool) []byte {
	le := binary.LittleEndian
	if options {
		b = le.AppendUint32(b, optEnd)
	}
	n := uint32(len(b) - start + 4)
	le.PutUint32(b[start+4:], n)
	return le.AppendUint32(b, n)
}

func appendOption(b []byte, code uint16, v ...byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(v)))
	return pad(append(b, v...), len(v))
}

// pad fills up to a multiple of 4 after n bytes.
func pad(b []byte, n int) []byte { return append(b, 0, 0, 0)[:len(b)+-n&3] }

// appendTexts adds the texts that are not empty, cut at what an option can hold.
func appendTexts(b []byte, code uint16, texts ...string) []byte {
	for _, s := range texts {
		if s = s[:min(len(s), math.MaxUint16)]; s != "" {
			b = binary.LittleEndian.AppendUint16(b, code)
			b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
			b = pad(append(b, s...), len(s))
		}
	}
	return b
}

// id returns the interface of a frame and adds it when it is new.
func (e *pcapngEncoder) id(b []byte, f *capture.Frame) ([]byte, uint32) {
	key := ngKey{f.Interface, f.Link}
	if key == e.lastKey && len(e.ids) > 0 {
		return b, e.lastID
	}
	id, ok := e.ids[key]
	if !ok {
		var ifi Interface
		if e.describe != nil {
			ifi = e.describe(f)
		}
		ifi.Link = f.Link
		b, id = e.add(b, key, ifi)
	}
	e.lastKey, e.lastID = key, id
	return b, id
}

func (e *pcapngEncoder) add(b []byte, key ngKey, ifi Interface) ([]byte, uint32) {
	id := uint32(len(e.ids))
	e.ids[key], e.lastKey, e.lastID = id, key, id
	e.known = append(e.known, ngInterfaceOf{key, ifi})
	snaplen := e.snaplen
	if ifi.SnapLen > 0 {
		snaplen = uint32(ifi.SnapLen)
	}
	le := binary.LittleEndian
	b, start := beginBlock(b, blockInterface)
	b = le.AppendUint16(b, uint16(ifi.Link))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, snaplen)
	b = appendTexts(b, optComment, ifi.Comments...)
	b = appendTexts(b, optIfName, ifi.Name)
	b = appendTexts(b, optIfDescription, ifi.Description)
	if ifi.Filter != "" {
		b = appendTexts(b, optIfFilter, "\x00"+ifi.Filter)
	}
	b = appendTexts(b, optIfOS, ifi.OS)
	b = appendTexts(b, optIfHardware, ifi.Hardware)
	resolution := byte(9)
	if e.unit == 1000 {
		resolution = 6
	}
	b = appendOption(b, optIfTsResol, resolution)
	return endBlock(b, start, true), id
}

func (e *pcapngEncoder) stamp(t time.Time) uint64 {
	sec := t.Unix()
	if sec < 0 || sec >= math.MaxInt64/int64(time.Second) {
		return 0 // no time
	}
	return uint64((sec*1e9 + int64(t.Nanosecond())) / e.unit)
}

func (e *pcapngEncoder) frame(b []byte, f *capture.Frame, info *FrameInfo) ([]byte, error) {
	if info != nil {
		for _, c := range info.Comments {
			if len(c) > math.MaxUint16 {
				return nil, errLongOption
			}
		}
	}
	b, id := e.id(e.addSecrets(b), f)
	le := binary.LittleEndian
	t := e.stamp(f.Time)
	b, start := beginBlock(b, blockPacket)
	b = le.AppendUint32(b, id)
	b = le.AppendUint32(b, uint32(t>>32))
	b = le.AppendUint32(b, uint32(t))
	b = le.AppendUint32(b, uint32(len(f.Data)))
	b = le.AppendUint32(b, uint32(max(f.Length, len(f.Data))))
	b = pad(append(b, f.Data...), len(f.Data))
	before := len(b)
	flags := directionFlags(f.Direction)
	if info != nil {
		if info.Flags != 0 {
			flags = info.Flags
		}
		b = appendTexts(b, optComment, info.Comments...)
		if info.Dropped > 0 {
			b = appendOption(b, optDropCount, le.AppendUint64(nil, info.Dropped)...)
		}
	}
	if flags != 0 {
		b = le.AppendUint16(b, optFlags)
		b = le.AppendUint16(b, 4)
		b = le.AppendUint32(b, flags)
	}
	return endBlock(b, start, len(b) > before), nil
}

// end adds an interface to a file without one: some readers want one.
func (e *pcapngEncoder) end(b []byte) []byte {
	if len(e.ids) == 0 {
		b, _ = e.add(b, ngKey{0, e.link}, Interface{Link: e.link})
	}
	return e.addSecrets(b)
}

func (e *pcapngEncoder) whole(b []byte) (n int, frames uint64) {
	le := binary.LittleEndian
	for len(b)-n >= 8 {
		next := n + int(le.Uint32(b[n+4:]))
		if next > len(b) {
			break
		}
		if le.Uint32(b[n:]) == blockPacket {
			frames++
		}
		n = next
	}
	return n, frames
}

// AddInterface describes interface number of the frames that follow to a pcapng
// file, before its first frame if there is any; ifi.Link must be set. It does
// nothing if that interface is known, and to a pcap file.
func (w *Writer) AddInterface(number int, ifi Interface) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.format.(*pcapngEncoder)
	if err := w.failed(); err != nil || !ok {
		return err
	}
	key := ngKey{number, ifi.Link}
	if _, known := e.ids[key]; known {
		return nil
	}
	b, _ := e.add(w.buf, key, ifi)
	return w.gathered(b)
}

// WriteStatistics adds to a pcapng file what became of the frames of an interface
// up to t; counts of 0 other than Dropped are left out. The interface must have
// been described or have had a frame. It does nothing to a pcap file.
func (w *Writer) WriteStatistics(number int, link decode.LinkType, s capture.Stats, t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.format.(*pcapngEncoder)
	if err := w.failed(); err != nil || !ok {
		return err
	}
	id, known := e.ids[ngKey{number, link}]
	if !known {
		return fmt.Errorf("pcapfile: statistics of the unknown interface %d", number)
	}
	le := binary.LittleEndian
	stamp := e.stamp(t)
	b, start := beginBlock(w.buf, blockStatistics)
	b = le.AppendUint32(b, id)
	b = le.AppendUint32(b, uint32(stamp>>32))
	b = le.AppendUint32(b, uint32(stamp))
	// The options that dumpcap uses and Wireshark shows.
	if s.Received > 0 {
		b = appendOption(b, optIfReceived, le.AppendUint64(nil, s.Received)...)
	}
	b = appendOption(b, optIfDropped, le.AppendUint64(nil, s.Dropped)...)
	if s.Captured > 0 {
		b = appendOption(b, optDelivered, le.AppendUint64(nil, s.Captured)...)
	}
	return w.gathered(endBlock(b, start, true))
}
