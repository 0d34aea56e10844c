package capture

import (
	"errors"
	"fmt"
	"math"
	"net"
	"time"
)

// Any is the name that stands for every interface, those that appear later
// included.
const Any = "any"

// Defaults of Config.
const (
	DefaultSnapLen      = 262144                // bytes
	DefaultBufferSize   = 32 << 20              // bytes
	DefaultBlockSize    = 128 << 10             // bytes: the longest frames but those of BIG TCP
	DefaultBlockTimeout = 40 * time.Millisecond // longest stay of a frame in an open block
)

var (
	// ErrNoInterface is returned by [Listen] when there is no interface of that
	// name.
	ErrNoInterface = errors.New("no such interface")
	// ErrInterfaceGone is returned by [Live.Read] when the captured interface was
	// removed, or the last of several, and what was captured before has been read.
	ErrInterfaceGone = errors.New("interface is gone")
)

// Config tunes [Listen]. A nil Config means the zero Config. Negative values are
// errors.
type Config struct {
	// Filter is a pcap-filter(7) expression, evaluated in the kernel. Frames
	// that do not match cost next to nothing and are not counted. Empty means
	// every frame.
	Filter string

	// SnapLen is the most bytes of a frame that are kept. 0 means
	// DefaultSnapLen.
	SnapLen int

	// Promiscuous also receives what an interface hears that is not addressed
	// to it. It has no effect on "any". False means not.
	Promiscuous bool

	// Direction keeps only frames that come in (Incoming, which includes
	// those between others) or go out (Outgoing). DirectionUnknown, the zero
	// value, means both. On lo, where each frame goes out and comes in, both means
	// that it shows once, as Incoming.
	Direction Direction

	// Workers is how many rings the kernel spreads connections over, each to
	// be read by one goroutine; see Live.Shards. 1 is best for a reader that
	// only calls Live.Read. 0 means as many as pay on this machine: one for two
	// processors, at most four.
	Workers int

	// BufferSize is the size in bytes of all rings together. It is rounded to
	// whole blocks, at least two for each ring. Where the kernel refuses so
	// much, Listen takes what it gives and says so in Warnings. 0 means
	// DefaultBufferSize.
	BufferSize int

	// BlockSize is the size in bytes of a block, the unit in which a ring is
	// handed back and forth and the bound of a frame. It is rounded up to a
	// power of two, at least a page, and at most 256 MiB. 0 means
	// DefaultBlockSize.
	BlockSize int

	// BlockTimeout is the longest that a frame waits for its block to fill,
	// and so the latency of a quiet capture, half of it on average. Less costs
	// processor time, at 5 ms about twice as much for a line with some traffic
	// all the time. It is also how long a block
	// lasts at the least where there is always some traffic: while its reader
	// stands still, a ring holds as many of these times as it has blocks, 10
	// seconds by default, or what fits its size. It is rounded up to whole
	// milliseconds, and at most a minute. 0 means DefaultBlockTimeout.
	BlockTimeout time.Duration

	// Clock says who takes the time of frames. Adapters stamp what they receive,
	// by a clock of their own; Frame.Clock says it of each frame. Where there is
	// no ClockHardware, Listen says so in Warnings. The zero value is
	// ClockSoftware.
	Clock Clock

	// Namespace is the network namespace to capture in: a path such as
	// /run/netns/blue, or the id of a process whose namespace it is. It needs
	// CAP_SYS_ADMIN. Empty means the caller's own.
	Namespace string

	// Changed, if not nil, is called when one of several interfaces has gone, and
	// when there is one of its name again, which is then captured. It is called in
	// a goroutine of its own, and must not wait for the capture to end.
	Changed func(name string, present bool)
}

// Live is a capture from one or more network interfaces. It is a [Sharded]
// Source. Close it to free its rings.
type Live struct {
	live // what the platform needs
}

var _ Sharded = (*Live)(nil)

// Listen captures from the named interface, from several with a comma between
// their names, or with Any from all.
//
// One interface is captured with the link type of its own, if that is
// Ethernet or bare IP. Otherwise, and with several or all, frames begin with
// a Linux cooked header (LinkSLL2). A VLAN tag that the kernel had taken off
// is back in its place.
//
// An interface may be renamed, and go down and up again. One that is removed
// ends the capture if it was the only one, or the last of several; Any goes on.
// One that comes back under the same name is another one: captures of several
// interfaces, and of Any, go on with it, see Config.Changed.
//
// Capturing needs CAP_NET_RAW on Linux; without it the error matches
// os.ErrPermission. A name that no interface has is ErrNoInterface; a mistake
// in the filter is a *filter.Error. On other platforms the error matches
// errors.ErrUnsupported.
func Listen(name string, cfg *Config) (*Live, error) {
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if err := c.setDefaults(); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	l := new(Live)
	if err := l.open(name, &c); err != nil {
		return nil, fmt.Errorf("capture: %s: %w", name, err)
	}
	return l, nil
}

func (c *Config) setDefaults() error {
	for _, v := range []struct {
		name   string
		n, max int64
	}{
		{"SnapLen", int64(c.SnapLen), math.MaxInt32},
		{"BufferSize", int64(c.BufferSize), math.MaxInt64},
		{"BlockSize", int64(c.BlockSize), 256 << 20},
		{"BlockTimeout", int64(c.BlockTimeout), int64(time.Minute)}, // the kernel has 16 bits for the milliseconds
		{"Workers", int64(c.Workers), 256},                          // PACKET_FANOUT_MAX
	} {
		if v.n < 0 || v.n > v.max {
			return fmt.Errorf("%s of %d is not between 0 and %d", v.name, v.n, v.max)
		}
	}
	if c.Direction > Outgoing {
		return fmt.Errorf("Direction %d is none that can be asked for", c.Direction)
	}
	if c.Clock > ClockHardware {
		return fmt.Errorf("Clock %d is none that can be asked for", c.Clock)
	}
	if c.SnapLen == 0 {
		c.SnapLen = DefaultSnapLen
	}
	if c.BufferSize == 0 {
		c.BufferSize = DefaultBufferSize
	}
	if c.BlockSize == 0 {
		c.BlockSize = DefaultBlockSize
	}
	if c.BlockTimeout == 0 {
		c.BlockTimeout = DefaultBlockTimeout
	}
	return nil
}

// Read fills in the frames that are there already, as many as fs takes, of those
// that the kernel handed over together, and waits where there is none. While
// nothing comes it returns none now and then, as [Source] says. With several rings
// it merges them, in the order of time as far as one can tell without waiting. The capture goes on when its interface is down and up
// again. The error is io.EOF after Stop, matches net.ErrClosed after Close, and is
// otherwise ErrInterfaceGone or the kernel's.
func (l *Live) Read(fs []Frame) (int, error) { return l.read(fs) }

// Info says what is captured. Its InterfaceName answers for the captured
// namespace; it remembers names, so those of interfaces that are gone can still
// be asked for once they had been.
func (l *Live) Info() Info { return l.info() }

// Shards returns one Source for each ring. The kernel keeps both directions
// of a connection in one ring.
func (l *Live) Shards() []Source { return l.sources() }

// Stats returns the counters of all rings since Listen.
func (l *Live) Stats() (Stats, error) { return l.stats() }

// Close ends the capture, frees the rings and ends a Read that waits. It may be
// called at any time, from any goroutine, and more than once. Data that was
// borrowed when Close was called stays readable until the next call to Read.
func (l *Live) Close() error { return l.close() }

// Stop ends the capture but not the reading: no frame comes in any more, Read
// gives out those that are in the rings, and then returns io.EOF. It does not
// wait. Close is still due.
func (l *Live) Stop() error { return l.stop() }

// SetFilter replaces the filter while the capture goes on. A frame that both
// filters want is not lost. Every frame that a Read begun after SetFilter gives
// out matches the new filter, whenever it was captured. A mistake in expr is a
// *filter.Error and changes nothing. It may be called from any goroutine.
func (l *Live) SetFilter(expr string) error { return l.setFilter(expr) }

// Warnings says what Listen could not do as asked and did otherwise, and which
// interface is down, one sentence each; nil if nothing.
func (l *Live) Warnings() []string { return l.warnings }

// BufferSize returns the size in bytes of all rings together.
func (l *Live) BufferSize() int { return l.bufferSize }

// Interfaces returns what Listen can capture from on this machine: Any, with
// index 0, and the interfaces in the order of their indexes. On platforms
// without live capture the error matches errors.ErrUnsupported.
func Interfaces() ([]net.Interface, error) {
	if err := supported(); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	return append([]net.Interface{{Name: Any, Flags: net.FlagUp | net.FlagRunning}}, ifs...), nil
}

// errClosed is what Read returns after Close.
var errClosed = fmt.Errorf("capture: %w", net.ErrClosed)
