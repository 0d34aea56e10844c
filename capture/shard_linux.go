package capture

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

// Offsets in struct tpacket3_hdr of linux/if_packet.h, which precedes each
// frame, and in the struct sockaddr_ll that follows it.
const (
	hdrNext     = 0
	hdrSec      = 4
	hdrNsec     = 8
	hdrSnapLen  = 12
	hdrLen      = 16
	hdrStatus   = 20
	hdrMac      = 24
	hdrNet      = 26
	hdrVLANTCI  = 32
	hdrVLANTPID = 36
	hdrAddr     = 48 // struct sockaddr_ll
	addrProto   = hdrAddr + 2
	addrIndex   = hdrAddr + 4
	addrType    = hdrAddr + 8
	addrPktType = hdrAddr + 10
	addrHalen   = hdrAddr + 11
	addrAddr    = hdrAddr + 12
	hdrEnd      = hdrAddr + 20
)

const (
	sll2Len    = 20
	vlanTagLen = 4
	macsLen    = 12

	// reserve is the headroom asked for before each frame. The larger of what
	// goes there is an SLL2 header with a VLAN tag.
	reserve = 32
)

// downPoll is how often an interface that is down is looked at: the kernel
// does not wake a reader when a downed interface goes away.
const downPoll = 250 * time.Millisecond

// stopLimit bounds how long a stopped capture waits for the kernel to hand
// over its last block, counted from when it should have.
const stopLimit = time.Second

// A shard is one socket with its ring. Its reader owns the fields of the
// walk; mu guards the rest.
type shard struct {
	live    *live
	conn    *packet.Conn
	rc      syscall.RawConn
	waiter  waiter
	link    decode.LinkType
	snapLen int
	timeout time.Duration         // of blocks
	pending func(fd uintptr) bool // sees whether a wait is over; made once

	// The walk through a block.
	block []byte // held, or nil
	left  int    // frames not yet given out
	off   int    // of the next frame's header

	frags  *fragments // nil unless connections are kept apart
	parked []Frame    // to be given out before the next block

	captured atomic.Uint64
	skipped  atomic.Uint64 // by refilter
	closed   atomic.Bool
	drained  atomic.Bool                    // all that came in until the stop was read
	refilter atomic.Pointer[filter.Program] // what the held block must still pass

	mu        sync.Mutex
	ring      *ring
	cur       int             // block that is held or comes next
	inbox     []Frame         // from other shards
	old       int             // blocks to come that must pass refilter
	lastStamp time.Time       // of the last frame of the last block taken
	uncounted int             // frames since the kernel's counters were read
	detached  []byte          // block that outlived the ring
	cleanup   runtime.Cleanup // unmaps detached if the reader never comes back
	down      bool            // the interface is down
	stopped   time.Time       // when the capture was stopped; zero: it was not
	err       error           // seen while waiting
}

// Next implements Source.
func (s *shard) Next(f *Frame) error {
	for {
		for s.left == 0 {
			if s.unpark(f) {
				return nil
			}
			if err := s.advance(true); err != nil {
				return err
			}
		}
		if s.give(f) {
			return nil
		}
	}
}

// unpark gives out a frame that did not come by the ring.
func (s *shard) unpark(f *Frame) bool {
	if len(s.parked) == 0 || s.closed.Load() {
		return false
	}
	*f = s.parked[0]
	s.parked[0] = Frame{}
	s.parked = s.parked[1:]
	s.captured.Add(1)
	return true
}

// give makes f of the next frame of the held block. It reports false if that
// frame is not to be given out.
func (s *shard) give(f *Frame) bool {
	b := s.block[s.off:]
	h := (*[hdrEnd]byte)(b)
	s.left--
	s.off += int(binary.NativeEndian.Uint32(h[hdrNext:]))
	status := binary.NativeEndian.Uint32(h[hdrStatus:])
	mac := int(binary.NativeEndian.Uint16(h[hdrMac:]))
	end := mac + int(binary.NativeEndian.Uint32(h[hdrSnapLen:]))
	net := int(binary.NativeEndian.Uint16(h[hdrNet:]))
	length := int(binary.NativeEndian.Uint32(h[hdrLen:]))
	if p := s.refilter.Load(); p != nil && !matches(p, h, b[mac:end]) {
		s.skipped.Add(1)
		return false
	}
	switch {
	case s.link == decode.LinkSLL2:
		n := cook(h, b[:mac], b[mac:end], status)
		mac -= n
		length += n
	case status&unix.TP_STATUS_VLAN_VALID != 0 && s.link == decode.LinkEthernet && end-mac >= macsLen:
		copy(b[mac-vlanTagLen:], b[mac:mac+macsLen])
		mac -= vlanTagLen
		binary.BigEndian.PutUint16(b[mac+macsLen:], tpid(h, status))
		binary.BigEndian.PutUint16(b[mac+macsLen+2:], tci(h))
		length += vlanTagLen
	}
	if end-mac > s.snapLen {
		end = mac + s.snapLen
	}
	f.Data = b[mac:end:end]
	f.Length = length
	f.Time = time.Unix(int64(binary.NativeEndian.Uint32(h[hdrSec:])), int64(binary.NativeEndian.Uint32(h[hdrNsec:])))
	f.Link = s.link
	f.Interface = int(binary.NativeEndian.Uint32(h[addrIndex:]))
	f.Direction = directions[h[addrPktType]&7]
	f.Checksum = ChecksumUnknown
	if status&unix.TP_STATUS_CSUMNOTREADY != 0 {
		f.Checksum = ChecksumNotReady
	} else if status&unix.TP_STATUS_CSUM_VALID != 0 {
		f.Checksum = ChecksumValid
	}
	f.Clock = Software
	if status&unix.TP_STATUS_TS_RAW_HARDWARE != 0 {
		f.Clock = Hardware
	}
	if s.frags != nil && s.frags.take(f, binary.BigEndian.Uint16(h[addrProto:]), net-mac) {
		return false
	}
	// After the last write to the block: see close.
	if s.closed.Load() {
		s.left = 0
		return false
	}
	s.captured.Add(1)
	return true
}

// matches runs a filter over a frame as the kernel would have.
func matches(p *filter.Program, h *[hdrEnd]byte, data []byte) bool {
	status := binary.NativeEndian.Uint32(h[hdrStatus:])
	m := filter.Meta{
		Length:     int(binary.NativeEndian.Uint32(h[hdrLen:])),
		Interface:  int(binary.NativeEndian.Uint32(h[addrIndex:])),
		PacketType: h[addrPktType],
		Protocol:   binary.BigEndian.Uint16(h[addrProto:]),
	}
	if status&unix.TP_STATUS_VLAN_VALID != 0 {
		m.HasVLAN, m.VLANTag, m.VLANProto = true, tci(h), tpid(h, status)
		m.Protocol = protocol(h, data)
	}
	return p.Match(data, &m) > 0
}

// stamp returns the time of the next frame of the held block, for comparison.
func (s *shard) stamp() uint64 {
	h := s.block[s.off:]
	return uint64(binary.NativeEndian.Uint32(h[hdrSec:]))<<32 | uint64(binary.NativeEndian.Uint32(h[hdrNsec:]))
}

// directions is by packet type: packet(7), sll_pkttype.
var directions = [8]Direction{
	unix.PACKET_HOST:      Incoming,
	unix.PACKET_BROADCAST: Incoming,
	unix.PACKET_MULTICAST: Incoming,
	unix.PACKET_OTHERHOST: Passing,
	unix.PACKET_OUTGOING:  Outgoing,
}

// tci returns the tag control information of a frame with a VLAN tag.
func tci(h *[hdrEnd]byte) uint16 { return uint16(binary.NativeEndian.Uint32(h[hdrVLANTCI:])) }

// tpid returns the tag protocol of a frame with a VLAN tag.
func tpid(h *[hdrEnd]byte, status uint32) uint16 {
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		return binary.NativeEndian.Uint16(h[hdrVLANTPID:])
	}
	return unix.ETH_P_8021Q
}

// cook writes a Linux cooked header, version 2, to the end of head, followed
// by the VLAN tag that the kernel took off data if there is one, and returns
// how long both are.
// https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
func cook(h *[hdrEnd]byte, head, data []byte, status uint32) int {
	n := sll2Len
	if status&unix.TP_STATUS_VLAN_VALID != 0 {
		n += vlanTagLen
	}
	b := head[len(head)-n:]
	_ = b[sll2Len-1]
	b[0], b[1] = h[addrProto], h[addrProto+1] // in network byte order already
	b[2], b[3] = 0, 0
	binary.BigEndian.PutUint32(b[4:], binary.NativeEndian.Uint32(h[addrIndex:]))
	binary.BigEndian.PutUint16(b[8:], binary.NativeEndian.Uint16(h[addrType:]))
	b[10] = h[addrPktType]
	b[11] = h[addrHalen]
	copy(b[12:sll2Len], h[addrAddr:])
	if n > sll2Len {
		tag := b[sll2Len:]
		binary.BigEndian.PutUint16(tag, tci(h))
		binary.BigEndian.PutUint16(tag[2:], protocol(h, data))
		binary.BigEndian.PutUint16(b, tpid(h, status))
	} else if b[0] == unix.ETH_P_8021Q>>8 || b[0] == unix.ETH_P_8021AD>>8 {
		// Before Linux 6.11, what goes out with tags inside has lost them
		// here, and is said to have them.
		for _, ip := range []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6} {
			if isIP(ip, data) {
				binary.BigEndian.PutUint16(b, ip)
			}
		}
	}
	return n
}

// protocol returns the EtherType of what data begins with, for a frame whose
// VLAN tag the kernel took off. With stacked tags it took off the outer one
// only, and data begins in the middle of the next; but since Linux 6.11 a
// cooked socket is told the EtherType behind all tags. Then they have to be
// recognized by what they lead to.
func protocol(h *[hdrEnd]byte, data []byte) uint16 {
	told := binary.BigEndian.Uint16(h[addrProto:])
	for i := 2; i+2 <= len(data) && i < 4*vlanTagLen; i += vlanTagLen {
		switch binary.BigEndian.Uint16(data[i:]) {
		case told:
			if isIP(told, data) {
				return told
			}
			return unix.ETH_P_8021Q
		case unix.ETH_P_8021Q, unix.ETH_P_8021AD:
		default:
			return told
		}
	}
	return told
}

// isIP reports whether data begins with an IP header of the given EtherType.
func isIP(etherType uint16, data []byte) bool {
	switch {
	case etherType == unix.ETH_P_IP && len(data) >= 20 && data[0]>>4 == 4:
		n := int(data[0]&15) * 4
		if n < 20 || n > len(data) {
			return false
		}
		sum := uint32(0)
		for i := 0; i < n; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(data[i:]))
		}
		for sum>>16 != 0 {
			sum = sum>>16 + sum&0xffff
		}
		return sum == 0xffff
	case etherType == unix.ETH_P_IPV6 && len(data) >= 40:
		return data[0]>>4 == 6 && int(binary.BigEndian.Uint16(data[4:])) <= len(data)-40
	}
	return false
}

// errNotReady is what advance returns if it may not wait.
var errNotReady = errors.New("capture: no block is ready")

// advance gives back the block that is held and takes the next one, waiting
// for it if it may. It may return with frames parked instead.
func (s *shard) advance(mayWait bool) error {
	s.mu.Lock()
	if s.block != nil {
		if !s.closed.Load() {
			s.ring.release(s.cur)
			s.cur = s.ring.after(s.cur)
		}
		s.block = nil
	}
	for {
		if s.closed.Load() {
			if s.detached != nil {
				s.cleanup.Stop()
				unmapBlock(s.detached)
				s.detached = nil
			}
			s.mu.Unlock()
			return errClosed
		}
		if status := s.ring.load(s.cur); status&unix.TP_STATUS_USER != 0 {
			lost, count := s.take(status)
			s.mu.Unlock()
			if count {
				s.live.count(lost)
			}
			return nil
		}
		if len(s.inbox) > 0 {
			s.parked, s.inbox = append(s.parked, s.inbox...), nil
			s.mu.Unlock()
			return nil
		}
		err := s.err
		if err == nil && s.isDrained() {
			err = io.EOF
		}
		if err != nil && s.frags != nil && s.frags.held > 0 {
			s.frags.flushAll()
			s.mu.Unlock()
			return nil
		}
		if err == nil && !mayWait {
			err = errNotReady
		}
		deadline := s.deadline()
		s.mu.Unlock()
		if err != nil {
			return err
		}
		err = s.waiter.wait(s.rc, deadline, s.pending)
		s.mu.Lock()
		if err != nil && s.err == nil {
			s.err = err
		}
	}
}

// take begins the walk through the current block. It reports whether the
// kernel's counters should be read, which are only 32 bits wide. If frames were
// dropped before this block it returns the time of the last one before them.
func (s *shard) take(status uint32) (lost time.Time, count bool) {
	b := s.ring.block(s.cur)
	s.block = b
	s.left = int(binary.NativeEndian.Uint32(b[blockNumPkts:]))
	s.off = int(binary.NativeEndian.Uint32(b[blockFirst:]))
	if s.old > 0 {
		s.old--
	} else if s.refilter.Load() != nil {
		s.refilter.Store(nil)
	}
	s.uncounted += s.left
	if status&unix.TP_STATUS_LOSING != 0 {
		lost = s.lastStamp
		if lost.IsZero() {
			lost = s.ring.stamp(s.cur, blockFirstStamp)
		}
	}
	s.lastStamp = s.ring.stamp(s.cur, blockLastStamp)
	if !lost.IsZero() || s.uncounted >= 1<<28 {
		s.uncounted = 0
		return lost, true
	}
	return lost, false
}

// deadline returns until when a wait may last; zero: for ever.
func (s *shard) deadline() time.Time {
	switch {
	case !s.stopped.IsZero():
		return time.Now().Add(s.timeout + time.Millisecond)
	case s.down:
		return time.Now().Add(downPoll)
	}
	return time.Time{}
}

// isPending is called by the runtime's poller whenever the socket may have
// something for its reader, and reports whether it has.
func (s *shard) isPending(fd uintptr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() || s.ring.load(s.cur)&unix.TP_STATUS_USER != 0 {
		return true
	}
	wasDown := s.down
	s.err = s.check(int(fd))
	// On a change of down the wait begins again, with another deadline.
	return s.err != nil || s.down != wasDown
}

// setFilter replaces the program in the kernel by raw, unless that is nil, and
// makes what the ring holds pass p, which says the same.
func (s *shard) setFilter(raw []bpf.RawInstruction, p *filter.Program) error {
	// One program takes the other's place at once: no frame meets neither.
	if raw != nil {
		if err := s.conn.SetBPF(raw); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return errClosed
	}
	s.refilter.Store(p)
	// The blocks that are full, the one that the kernel is filling, and one
	// more: a processor may still be busy with a frame that the old program
	// let in.
	s.old = 2
	for i, n := s.cur, s.ring.n; n > 0 && s.ring.load(i)&unix.TP_STATUS_USER != 0; n-- {
		s.old++
		i = s.ring.after(i)
	}
	return nil
}

// rejectAll lets nothing in.
var rejectAll = []bpf.RawInstruction{{Op: unix.BPF_RET | unix.BPF_K}}

// stop lets nothing more in. Next gives out what the ring holds, then io.EOF.
func (s *shard) stop() error {
	err := s.conn.SetBPF(rejectAll)
	s.mu.Lock()
	if s.stopped.IsZero() {
		s.stopped = time.Now()
	}
	s.mu.Unlock()
	s.waiter.poke()
	return err
}

// isDrained reports whether the capture was stopped and nothing is left in
// the block that the kernel is filling. It waits for one block timeout first,
// for frames on their way, and a while for what other shards may hand over.
func (s *shard) isDrained() bool {
	if s.stopped.IsZero() {
		return false
	}
	since := time.Since(s.stopped)
	if since > s.timeout+stopLimit {
		return true
	}
	if since <= s.timeout || s.ring.pending(s.cur) > 0 {
		return false
	}
	s.drained.Store(true)
	if s.frags != nil {
		for _, other := range s.frags.shards {
			if !other.drained.Load() {
				return false
			}
		}
	}
	return true
}

// check looks for an error of the socket. An interface that is down is none.
func (s *shard) check(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if errno != 0 && errno != int(unix.ENETDOWN) {
		return os.NewSyscallError("read", syscall.Errno(errno))
	}
	if errno == 0 && !s.down {
		return nil
	}
	up, err := interfaceUp(fd)
	s.down = !up
	return err
}

// interfaceUp reports whether the interface that a packet socket is bound to
// is up. ErrInterfaceGone if it is no more.
func interfaceUp(fd int) (bool, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return false, os.NewSyscallError("getsockname", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if !ok || ll.Ifindex < 0 {
		return false, ErrInterfaceGone
	}
	if ll.Ifindex == 0 {
		return true, nil
	}
	flags, err := interfaceFlags(fd, ll.Ifindex)
	return flags&unix.IFF_UP != 0, err
}

// LinkType implements Source.
func (s *shard) LinkType() decode.LinkType { return s.link }

// Stats implements Source: the counters of the whole capture.
func (s *shard) Stats() (Stats, error) { return s.live.stats() }

// Close implements Source: it closes the whole capture.
func (s *shard) Close() error { return s.live.close() }

// close ends the shard's capture and frees its ring. Whatever its reader has
// borrowed stays readable.
func (s *shard) close() error {
	// Next looks at closed after its last write to the block, so what detach
	// copies is what the reader saw.
	if s.closed.Swap(true) {
		return nil
	}
	err := s.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ring == nil || s.ring.mem == nil {
		return err
	}
	if s.block == nil {
		s.ring.unmap()
		return err
	}
	detached, derr := s.ring.detach(s.cur)
	if derr != nil {
		return derr // the mapping stays: better than a crash of its reader
	}
	s.detached = detached
	s.cleanup = runtime.AddCleanup(s, unmapBlock, detached)
	return err
}

// newestStamp returns the time of the newest frame that the reader has been
// or can be given.
func (s *shard) newestStamp() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.lastStamp
	if s.closed.Load() {
		return t
	}
	for i, n := s.cur, s.ring.n; n > 0 && s.ring.load(i)&unix.TP_STATUS_USER != 0; n-- {
		t = s.ring.stamp(i, blockLastStamp)
		i = s.ring.after(i)
	}
	return t
}
