package capture

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

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

// A shard is one socket with its ring. Its reader owns the fields of the
// walk; mu guards the ring.
type shard struct {
	live    *live
	conn    *packet.Conn
	rc      syscall.RawConn
	link    decode.LinkType
	snapLen int
	pending func(fd uintptr) bool // sees whether a wait is over; made once

	// The walk through a block.
	block []byte // held, or nil
	left  int    // frames not yet given out
	off   int    // of the next frame's header

	captured atomic.Uint64
	closed   atomic.Bool

	mu       sync.Mutex
	ring     *ring
	cur      int             // block that is held or comes next
	detached []byte          // block that outlived the ring
	cleanup  runtime.Cleanup // unmaps detached if the reader never comes back
	down     bool            // the interface is down
	err      error           // seen while waiting
}

// Next implements Source.
func (s *shard) Next(f *Frame) error {
	for s.left == 0 {
		if err := s.advance(); err != nil {
			return err
		}
	}
	h := (*[hdrEnd]byte)(s.block[s.off:])
	s.fill(f, h, s.block[s.off:])
	s.left--
	s.off += int(binary.NativeEndian.Uint32(h[hdrNext:]))
	// After fill, which may write to the block: see close.
	if s.closed.Load() {
		s.left = 0
		return s.advance()
	}
	s.captured.Add(1)
	return nil
}

// fill makes a Frame of the header h, with which b begins.
func (s *shard) fill(f *Frame, h *[hdrEnd]byte, b []byte) {
	status := binary.NativeEndian.Uint32(h[hdrStatus:])
	mac := int(binary.NativeEndian.Uint16(h[hdrMac:]))
	end := mac + int(binary.NativeEndian.Uint32(h[hdrSnapLen:]))
	f.Length = int(binary.NativeEndian.Uint32(h[hdrLen:]))
	pktType := h[addrPktType]
	switch {
	case s.link == decode.LinkSLL2:
		tci := -1
		if status&unix.TP_STATUS_VLAN_VALID != 0 {
			tci = int(binary.NativeEndian.Uint16(h[hdrVLANTCI:]))
		}
		n := cook(h, b[:mac], tci)
		mac -= n
		f.Length += n
	case status&unix.TP_STATUS_VLAN_VALID != 0 && s.link == decode.LinkEthernet && end-mac >= macsLen:
		copy(b[mac-vlanTagLen:], b[mac:mac+macsLen])
		mac -= vlanTagLen
		binary.BigEndian.PutUint16(b[mac+macsLen:], tpid(h))
		binary.BigEndian.PutUint16(b[mac+macsLen+2:], binary.NativeEndian.Uint16(h[hdrVLANTCI:]))
		f.Length += vlanTagLen
	}
	if end-mac > s.snapLen {
		end = mac + s.snapLen
	}
	f.Data = b[mac:end:end]
	f.Time = time.Unix(int64(binary.NativeEndian.Uint32(h[hdrSec:])), int64(binary.NativeEndian.Uint32(h[hdrNsec:])))
	f.Link = s.link
	f.Interface = int(binary.NativeEndian.Uint32(h[addrIndex:]))
	f.Direction = directions[pktType&7]
	f.Checksum = ChecksumUnknown
	if status&unix.TP_STATUS_CSUMNOTREADY != 0 {
		f.Checksum = ChecksumNotReady
	} else if status&unix.TP_STATUS_CSUM_VALID != 0 {
		f.Checksum = ChecksumValid
	}
}

// directions is by packet type: packet(7), sll_pkttype.
var directions = [8]Direction{
	unix.PACKET_HOST:      Incoming,
	unix.PACKET_BROADCAST: Incoming,
	unix.PACKET_MULTICAST: Incoming,
	unix.PACKET_OTHERHOST: Passing,
	unix.PACKET_OUTGOING:  Outgoing,
}

// tpid returns the tag protocol of a frame with a VLAN tag.
func tpid(h *[hdrEnd]byte) uint16 {
	if binary.NativeEndian.Uint32(h[hdrStatus:])&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		return binary.NativeEndian.Uint16(h[hdrVLANTPID:])
	}
	return unix.ETH_P_8021Q
}

// cook writes a Linux cooked header, version 2, to the end of head, followed
// by a VLAN tag unless tci is negative, and returns how long both are.
// https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
func cook(h *[hdrEnd]byte, head []byte, tci int) int {
	n := sll2Len
	if tci >= 0 {
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
	if tci >= 0 {
		tag := b[sll2Len:]
		binary.BigEndian.PutUint16(tag, uint16(tci))
		tag[2], tag[3] = b[0], b[1]
		binary.BigEndian.PutUint16(b, tpid(h))
	}
	return n
}

// advance gives back the block that is held and takes the next one, waiting
// for it.
func (s *shard) advance() error {
	s.mu.Lock()
	if s.block != nil && !s.closed.Load() {
		s.ring.release(s.cur)
		s.cur++
		if s.cur == s.ring.n {
			s.cur = 0
		}
	}
	s.block = nil
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
		if s.ring.load(s.cur)&unix.TP_STATUS_USER != 0 {
			s.take()
			s.mu.Unlock()
			return nil
		}
		if s.err != nil {
			s.mu.Unlock()
			return s.err
		}
		down := s.down
		s.mu.Unlock()
		err := s.wait(down)
		s.mu.Lock()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && s.err == nil && !s.closed.Load() {
			s.err = err
		}
	}
}

// take begins the walk through the current block.
func (s *shard) take() {
	s.block = s.ring.block(s.cur)
	s.left = int(binary.NativeEndian.Uint32(s.block[blockNumPkts:]))
	s.off = int(binary.NativeEndian.Uint32(s.block[blockFirst:]))
}

// wait waits until the current block is ready or an error shows.
func (s *shard) wait(down bool) error {
	var deadline time.Time
	if down {
		deadline = time.Now().Add(downPoll)
	}
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	return s.rc.Read(s.pending)
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
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return false, ErrInterfaceGone
	}
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
