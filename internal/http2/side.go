package http2

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2/hpack"

	"github.com/wstap/wstap/internal/http1"
)

const (
	// maxBlock bounds a header block; maxTable the table that a peer may ask its
	// encoder to use, which is else defaultTable (RFC 9113, section 6.5.2).
	maxBlock     = http1.MaxHead
	maxTable     = 64 << 10
	defaultTable = 4 << 10
	// maxList bounds the fields of a header block as HPACK counts them: a byte
	// can stand for a field of maxTable.
	maxList = 2 * http1.MaxHead
)

// A side is one direction: the frame in progress and the header compression.
type side struct {
	skip   int // bytes of the preface to come
	nhead  int
	head   [headerLen]byte
	inside bool // of a frame's payload

	// The frame in progress.
	typ, flags byte
	id         uint32
	left       int
	pad        int    // bytes of padding at its end; -1: its length comes first
	buf        []byte // payload of all but DATA
	cut        bool   // bytes of it are missing

	block    []byte // header block in progress
	blockID  uint32
	blockEnd bool // it ends the stream
	headers  *hpack.Decoder
	fields   int  // size of all fields so far, as HPACK counts them
	wide     bool // the table may be larger than defaultTable
	broken   bool // the block in progress is not whole
	stale    bool // the table held fields that are not known when headers began
	lost     bool // where the next frame begins is not known

	gone int64 // bytes lost of which it is not known whose they were
}

// begin reads the header of the next frame.
func (s *side) begin() {
	s.left = int(s.head[0])<<16 | int(s.head[1])<<8 | int(s.head[2])
	s.typ, s.flags = s.head[3], s.head[4]
	s.id = binary.BigEndian.Uint32(s.head[5:]) & (1<<31 - 1)
	s.inside = true
	s.buf, s.cut = s.buf[:0], false
	s.pad = 0
	if s.typ == typeData && s.flags&flagPadded != 0 {
		s.pad = -1
	}
}

// collect keeps the payload of a frame that is no DATA.
func (s *side) collect(b []byte) {
	if len(s.buf)+len(b) <= maxBlock {
		s.buf = append(s.buf, b...)
	} else {
		s.cut = true
	}
}

// forget says that header blocks were missed, or a part of one: what later ones
// refer to is not known.
func (s *side) forget() {
	s.block, s.broken = nil, true
	s.headers, s.fields, s.stale = nil, 0, true
}

// addBlock adds a frame to its header block, and says whether that is whole.
func (s *side) addBlock() bool {
	b := s.buf
	if s.typ != typeContinuation {
		pad := 0
		if s.flags&flagPadded != 0 && len(b) > 0 {
			pad, b = int(b[0]), b[1:]
		}
		if s.typ == typeHeaders && s.flags&flagPriority != 0 {
			b = b[min(5, len(b)):]
		}
		if s.typ == typePush {
			b = b[min(4, len(b)):]
		}
		b = b[:max(0, len(b)-pad)]
		s.block, s.broken = s.block[:0], false
		s.blockID, s.blockEnd = s.id, s.typ == typeHeaders && s.flags&flagEndStream != 0
		if s.typ == typePush {
			s.blockID = 0
		}
	}
	if s.broken || s.cut || len(s.block)+len(b) > maxBlock {
		s.forget()
		return false
	}
	s.block = append(s.block, b...)
	return s.flags&flagEndHeaders != 0
}

// decode returns the fields of a header block, none if they are too many. Those
// that the block names by a reference to what was missed have no name. It returns
// false for what is no header block.
func (s *side) decode() (fields []hpack.HeaderField, ok bool) {
	fields, ok = s.decodeWith(defaultTable)
	if !ok && s.stale { // perhaps the table is larger
		s.headers, s.fields, s.wide = nil, 0, true
		fields, ok = s.decodeWith(maxTable)
	}
	if !ok {
		s.forget()
	}
	return fields, ok
}

func (s *side) decodeWith(table int) (fields []hpack.HeaderField, ok bool) {
	if s.headers == nil {
		s.headers = hpack.NewDecoder(uint32(table), func(hpack.HeaderField) {})
		s.headers.SetAllowedMaxDynamicTableSize(maxTable)
		s.headers.SetMaxStringLength(maxBlock)
		if s.stale {
			s.headers.Write(bytes.Repeat(nameless, table/fieldCost))
			s.fields = table
		}
	}
	size := 0
	s.headers.SetEmitFunc(func(f hpack.HeaderField) {
		if size += int(f.Size()); size <= maxList {
			fields = append(fields, f)
		}
	})
	s.wide = s.wide || len(s.block) > 0 && s.block[0]>>5 == 1 // RFC 7541, section 6.3
	_, err := s.headers.Write(s.block)
	if err == nil {
		err = s.headers.Close()
	}
	s.fields = min(s.fields+size, maxTable)
	if size > maxList {
		fields = nil
	}
	return fields, err == nil
}

// nameless inserts a field without a name and a value into the table (RFC 7541,
// section 6.2.1). It costs fieldCost there, the least that a field can.
var nameless = []byte{0x40, 0, 0}

const fieldCost = 32

// size returns the bytes of memory held.
func (s *side) size() int {
	table := defaultTable
	if s.wide {
		table = maxTable
	}
	return cap(s.buf) + cap(s.block) + 4*min(s.fields, table) // entries have pointers
}
