package capture

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture/internal/tpacket"
	"github.com/wstap/wstap/decode"
)

// FuzzGive walks over a block with one frame, whose bytes came from the
// network and are not to be trusted, in all the ways that a ring can be read.
func FuzzGive(f *testing.F) {
	ip := []byte{0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0x3a, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2,
		0x1c, 0x68, 0x9c, 0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0}
	f.Add(ip, uint16(0x0800), false, uint16(0)) // a plain packet
	fragment := append([]byte(nil), ip...)
	fragment[6] = 0x20
	f.Add(fragment, uint16(0x0800), false, uint16(0)) // the first fragment, with ports
	fragment = append([]byte(nil), fragment[:22]...)
	f.Add(fragment, uint16(0x0800), false, uint16(0)) // too short for ports
	fragment[7], fragment[6] = 3, 0
	f.Add(fragment, uint16(0x0800), false, uint16(0)) // the last fragment: held
	v6 := make([]byte, 52)
	v6[0], v6[6], v6[40], v6[43] = 0x60, 44, 6, 1
	f.Add(v6, uint16(0x86dd), false, uint16(0))                                // an IPv6 fragment
	f.Add(ip, uint16(0x0800), true, uint16(7))                                 // a tag that the kernel took off
	f.Add(append([]byte{0, 7, 8, 0}, ip...), uint16(0x0800), true, uint16(9))  // stacked tags
	f.Add([]byte{0, 7, 0x81, 0, 0, 8, 8}, uint16(0x0800), true, uint16(9))     // cut within them
	f.Add([]byte{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5}, uint16(0), true, uint16(0)) // no room for a tag
	f.Add([]byte{}, uint16(0x86dd), false, uint16(0))                          // nothing
	f.Fuzz(func(t *testing.T, data []byte, etherType uint16, tagged bool, tag uint16) {
		data = data[:min(len(data), 2000)]
		status := uint32(unix.TP_STATUS_USER)
		if tagged {
			status |= unix.TP_STATUS_VLAN_VALID
		}
		for _, link := range []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2, decode.LinkRaw} {
			for _, snap := range []int{DefaultSnapLen, 10} {
				s, kernel := fakeRing(t, link, 2, max(len(data), 2000), status)
				defer s.ring.Close()
				s.snapLen = snap
				for _, b := range kernel {
					binary.NativeEndian.PutUint32(b[blockNumPkts:], 1)
					h := b[binary.NativeEndian.Uint32(b[blockFirst:]):]
					binary.NativeEndian.PutUint32(h[hdrSnapLen:], uint32(len(data)))
					binary.NativeEndian.PutUint32(h[hdrLen:], uint32(len(data)))
					mac := binary.NativeEndian.Uint16(h[hdrMac:])
					binary.NativeEndian.PutUint16(h[hdrNet:], mac)
					if link == decode.LinkEthernet {
						binary.NativeEndian.PutUint16(h[hdrNet:], mac+14)
					}
					binary.NativeEndian.PutUint32(h[hdrVLANTCI:], uint32(tag))
					binary.BigEndian.PutUint16(h[addrProto:], etherType)
					copy(h[mac:], data)
				}
				other := &shard{socket: new(tpacket.Socket)}
				s.frags = newFragments(s, []*shard{s, other})
				var fr Frame
				for range 2 {
					s.advance(true)
					if !s.give(&fr) {
						continue
					}
					tags := 0
					if tagged && link == decode.LinkSLL2 || tagged && link == decode.LinkEthernet && len(data) >= macsLen {
						tags = vlanTagLen
					}
					cooked := 0
					if link == decode.LinkSLL2 {
						cooked = sll2Len
					}
					if want := len(data) + tags + cooked; fr.Length != want || len(fr.Data) != min(want, snap) {
						t.Errorf("%v: %d bytes of %d, want %d", link, len(fr.Data), fr.Length, want)
					}
				}
				s.frags.flush()
				if s.frags.sorter.Holds() || len(s.parked)+len(other.inbox) > 2 {
					t.Errorf("held %v, %d and %d given", s.frags.sorter.Holds(), len(s.parked), len(other.inbox))
				}
			}
		}
	})
}
