package pcapfile

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/decode"
)

// A Section is what a pcapng file says of itself. Readers find several where
// files were put one behind the other.
type Section struct {
	Hardware, OS, Application string
	Comments                  []string
}

// An Interface is what a capture file says of an interface: of a pcap file only
// the first two fields are known.
type Interface struct {
	Link        decode.LinkType
	SnapLen     int    // limit of the frames' length; 0: none
	Name        string // such as "eth0"
	Description string
	Filter      string // the capture filter
	Hardware    string
	OS          string
	Comments    []string

	Received uint64 // frames that passed the filter, by the file's statistics
	Dropped  uint64 // frames lost, by the statistics or the packets' drop counts
}

// meta gathers what is not frames. Stats may be called from any goroutine.
type meta struct {
	mu         sync.Mutex
	section    Section
	interfaces []Interface
	drops      []uint64 // of each interface, sum of the packets' drop counts
	firstDrop  time.Time
	text       int          // bytes of all strings in interfaces
	count      atomic.Int64 // of interfaces
}

// maxText bounds the memory that a hostile file can take with descriptions.
const maxText = 16 << 20

// addInterface adds the interface of that number, of which several walkers tell.
func (m *meta) addInterface(number int, ifi Interface) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if number < len(m.interfaces) {
		return
	}
	m.text += len(ifi.Name) + len(ifi.Description) + len(ifi.Filter) + len(ifi.Hardware) + len(ifi.OS)
	for _, c := range ifi.Comments {
		m.text += len(c) + 16
	}
	if m.text > maxText {
		ifi = Interface{Link: ifi.Link, SnapLen: ifi.SnapLen}
	}
	m.interfaces = append(m.interfaces, ifi)
	m.drops = append(m.drops, 0)
	m.count.Store(int64(len(m.interfaces)))
}

func (m *meta) addSection(o binary.ByteOrder, b []byte) {
	var s Section
	for code, v := range options(o, b) {
		switch code {
		case optComment:
			s.Comments = append(s.Comments, string(v))
		case optSectionHardware:
			s.Hardware = string(v)
		case optSectionOS:
			s.OS = string(v)
		case optSectionApplication:
			s.Application = string(v)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.section = s
}

// drop counts frames lost before a packet. The statistics at the end of the
// section count the same frames again.
func (m *meta) drop(number int, n uint64, t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.firstDrop.IsZero() {
		m.firstDrop = t
	}
	m.drops[number] += n
	m.interfaces[number].Dropped = max(m.interfaces[number].Dropped, m.drops[number])
}

func (m *meta) statistics(number int, o binary.ByteOrder, b []byte) {
	var received, accepted, dropped uint64
	m.mu.Lock()
	defer m.mu.Unlock()
	ifi := &m.interfaces[number]
	for code, v := range options(o, b) {
		switch {
		case code == optComment:
			continue
		case len(v) != 8:
			continue
		case code == optIfReceived:
			received = o.Uint64(v)
		case code == optFilterAccept:
			accepted = o.Uint64(v)
		case code == optIfDropped, code == optOSDropped:
			dropped += o.Uint64(v)
		}
	}
	if accepted == 0 {
		accepted = received
	}
	ifi.Received = max(ifi.Received, accepted)
	ifi.Dropped = max(ifi.Dropped, dropped)
}

// dropped returns how many frames were lost and when the last frame before the
// first loss came, if a drop count tells.
func (m *meta) dropped() (n uint64, first time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.interfaces {
		n += m.interfaces[i].Dropped
	}
	return n, m.firstDrop
}

// Section returns what the file says of itself: the latest section read. It is
// empty for pcap files.
func (r *Reader) Section() Section {
	r.meta.mu.Lock()
	defer r.meta.mu.Unlock()
	return r.meta.section
}

// Interfaces returns the interfaces read so far, in the file's order over all
// sections: a Frame's Interface is an index. More may follow between frames.
func (r *Reader) Interfaces() []Interface { return r.meta.from(0) }

// from returns the interfaces from a number on.
func (m *meta) from(number int) []Interface {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.interfaces[number:])
}

// interfaceName returns the name of an interface, empty where there is none.
func (m *meta) interfaceName(number int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if number < 0 || number >= len(m.interfaces) {
		return ""
	}
	return m.interfaces[number].Name
}

// A FrameInfo is what a pcapng file can say of a frame beyond a capture.Frame.
type FrameInfo struct {
	Comments []string
	Dropped  uint64 // frames lost on the interface since the frame before
	Flags    uint32 // link-layer flags (epb_flags); its direction is also in Frame
}

// FrameInfo returns what the file says of the i-th frame that the last Read gave
// out; nothing where there is no such frame, for pcap files, and once Shards has
// divided the file.
func (r *Reader) FrameInfo(i int) FrameInfo {
	if i < 0 || i >= len(r.walker.notes) {
		return FrameInfo{}
	}
	return r.walker.notes[i].info()
}

func (e *note) info() FrameInfo {
	info := FrameInfo{Dropped: e.drops}
	if len(e.options) == 0 {
		return info
	}
	var o binary.ByteOrder = binary.LittleEndian
	if e.swap {
		o = binary.BigEndian
	}
	for code, v := range options(o, e.options) {
		switch {
		case code == optComment:
			info.Comments = append(info.Comments, string(v))
		case code == optFlags && len(v) == 4:
			info.Flags = o.Uint32(v)
		}
	}
	return info
}
