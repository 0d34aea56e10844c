package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/flowhash"
	"github.com/wstap/wstap/internal/testnet"
)

var everybody = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1}

// ipPacket returns an IP packet of protocol proto with a payload that begins
// with the ports. fragment is the IPv4 field of flags and offset, or what the
// IPv6 fragment header has in its place.
func ipPacket(src, dst netip.AddrPort, proto byte, id, fragment uint16, payload []byte) (etherType uint16, b []byte) {
	if src.Addr().Is4() {
		b = []byte{0x46, 0, 0, 0, byte(id >> 8), byte(id), byte(fragment >> 8), byte(fragment), 64, proto, 0, 0}
		binary.BigEndian.PutUint16(b[2:], uint16(24+len(payload)))
		b = append(append(b, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
		return 0x0800, append(append(b, 1, 1, 1, 1), payload...) // four no-operation options
	}
	n := len(payload)
	next := proto
	if fragment != 0 {
		n += 8
		next = 44
	}
	b = []byte{0x60, 0, 0, 0, byte(n >> 8), byte(n), next, 64}
	b = append(append(b, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	if fragment != 0 {
		offset := fragment&0x1fff<<3 | fragment>>13&1
		b = append(b, proto, 0, byte(offset>>8), byte(offset), 0, 0, byte(id>>8), byte(id))
	}
	return 0x86dd, append(b, payload...)
}

// tcp returns a TCP header of the given connection with text after it.
func tcp(src, dst netip.AddrPort, text string) []byte {
	b := binary.BigEndian.AppendUint16(nil, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0)
	return append(b, text...)
}

// ether puts tags and an EtherType before a packet.
func ether(tags []byte, etherType uint16, b []byte) []byte {
	f := append(append([]byte(nil), everybody...), tags...)
	return append(binary.BigEndian.AppendUint16(f, etherType), b...)
}

// readShards stops l and returns the frames of each ring, in copies.
func readShards(t *testing.T, l *Live) [][]Frame {
	t.Helper()
	shards := l.Shards()
	got := make([][]Frame, len(shards))
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i, s := range shards {
		wg.Go(func() {
			for {
				var f Frame
				err := read1(s, &f)
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				f.Data = append([]byte(nil), f.Data...)
				got[i] = append(got[i], f)
			}
		})
	}
	wg.Wait()
	return got
}

var endpoints = []netip.AddrPort{
	netip.MustParseAddrPort("192.0.2.1:7272"), netip.MustParseAddrPort("198.51.100.7:40001"),
	netip.MustParseAddrPort("203.0.113.9:40002"), netip.MustParseAddrPort("192.0.2.77:443"),
	netip.MustParseAddrPort("[2001:db8::1]:7272"), netip.MustParseAddrPort("[2001:db8:1:2:3:4:5:6]:40001"),
	netip.MustParseAddrPort("[fe80::7]:40002"), netip.MustParseAddrPort("[2001:db8::77]:443"),
}

// The program in the kernel and flowhash agree, whatever is around a packet, and
// also after the interface was down.
func TestSpread(t *testing.T) {
	const workers = 5
	h := testnet.New(t)
	ifi, tap := h.Tap("tap0")
	for _, name := range []string{"tap0", Any} {
		l, err := Listen(name, &Config{Namespace: h.Path(), Workers: workers, Direction: Incoming})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ifi.Down()
		ifi.Up()
		want := make(map[string]int)
		n := 0
		for _, tags := range [][]byte{
			nil, {0x81, 0, 0, 7}, {0x88, 0xa8, 0, 9, 0x81, 0, 0x45, 7}, {0x81, 0, 0, 9, 0x81, 0, 0, 8, 0x81, 0, 0, 7},
		} {
			for i, src := range endpoints {
				for j, dst := range endpoints {
					if i == j || src.Addr().Is4() != dst.Addr().Is4() {
						continue
					}
					var addrs uint32
					for _, b := range [][]byte{src.Addr().AsSlice(), dst.Addr().AsSlice()} {
						for ; len(b) > 0; b = b[4:] {
							addrs ^= binary.BigEndian.Uint32(b)
						}
					}
					for _, proto := range []byte{6, 17, 47} {
						for _, pppoe := range []bool{false, true} {
							n++
							text := fmt.Sprintf("frame %06d", n)
							etherType, b := ipPacket(src, dst, proto, 1, 0, tcp(src, dst, text))
							if pppoe {
								ppp := []byte{0x11, 0, 0, 1, 0, byte(len(b) + 2), 0, 0x21}
								if etherType == 0x86dd {
									ppp[7] = 0x57
								}
								etherType, b = 0x8864, append(ppp, b...)
							}
							hash := flowhash.Hosts(addrs)
							if proto == 6 {
								hash = flowhash.Connection(addrs, src.Port()^dst.Port())
							}
							want[text] = int(hash % workers)
							if pppoe && len(tags) > 4 {
								want[text] = 0 // deeper than the program looks
							}
							if _, err := tap.Write(ether(tags, etherType, b)); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
			}
		}
		rings := make(map[int]int)
		for ring, frames := range readShards(t, l) {
			for _, f := range frames {
				text := string(f.Data[len(f.Data)-12:])
				if w, ok := want[text]; !ok || w != ring {
					t.Errorf("%s: %q in ring %d, want %d: % x", name, text, ring, w, f.Data)
				}
				rings[ring]++
				delete(want, text)
			}
		}
		if len(want) > 0 || len(rings) != workers {
			t.Errorf("%s: %d frames missing, %d rings", name, len(want), len(rings))
		}
	}
}

// Fragments of a connection's segments come to the connection's ring, in
// whatever order, and are handed over but once.
func TestFragments(t *testing.T) {
	const workers = 4
	h := testnet.New(t)
	_, tap := h.Tap("tap0")
	for _, name := range []string{"tap0", Any} {
		l, err := Listen(name, &Config{Namespace: h.Path(), Workers: workers, Direction: Incoming})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		send := func(etherType uint16, b []byte) {
			if _, err := tap.Write(ether(nil, etherType, b)); err != nil {
				t.Fatal(err)
			}
		}
		const conns = 40
		for i := range uint16(conns) {
			for _, hosts := range [][2]netip.Addr{{endpoints[0].Addr(), endpoints[1].Addr()}, {endpoints[4].Addr(), endpoints[5].Addr()}} {
				src, dst := netip.AddrPortFrom(hosts[0], 40000+i), netip.AddrPortFrom(hosts[1], 7272)
				text := fmt.Sprintf("%-28d", i)
				segment := tcp(src, dst, text)
				send(ipPacket(src, dst, 6, 0, 0, segment))
				const more = 0x2000
				pieces := []func(){
					func() { send(ipPacket(src, dst, 6, i, more, segment[:24])) },
					func() { send(ipPacket(src, dst, 6, i, more|3, segment[24:40])) },
					func() { send(ipPacket(src, dst, 6, i, 5, segment[40:])) },
				}
				for _, k := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}}[i%3] {
					pieces[k]()
				}
			}
		}
		// Never a first one: given out all the same.
		send(ipPacket(endpoints[0], endpoints[1], 6, 999, 5, []byte("the rest")))
		ring := make(map[string]int)
		total, rest := 0, 0
		var p decode.Packet
		for i, frames := range readShards(t, l) {
			for _, f := range frames {
				if err := p.Decode(f.Link, f.Data); err != nil {
					t.Fatalf("%v: % x", err, f.Data)
				}
				if p.Fragment && p.FragmentID == 999 {
					rest++
					continue
				}
				n := int(p.FragmentID)
				if !p.Fragment {
					n = int(p.SrcPort) - 40000
				}
				key := fmt.Sprint(p.IPVersion, " ", n)
				if r, ok := ring[key]; ok && r != i {
					t.Errorf("%s: connection %s is in rings %d and %d", name, key, r, i)
				}
				ring[key] = i
				total++
			}
		}
		if total != 2*conns*4 || rest != 1 {
			t.Errorf("%s: %d frames and %d leftovers, want %d and 1", name, total, rest, 2*conns*4)
		}
		st, err := l.Stats()
		if err != nil || st.Captured != st.Received || st.Captured != uint64(total+rest) {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
	}
}
