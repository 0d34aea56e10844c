package capture_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/mdlayher/packet"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testnet"
)

// macs begins the frames of these tests: to everybody, so that any host
// listens.
var macs = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1}

// datagram returns an Ethernet frame with the given tags between addresses
// and EtherType, and a UDP datagram that carries text.
func datagram(tags []byte, text string) []byte {
	b := append(append(bytes.Clone(macs), tags...), 8, 0)
	ip := []byte{0x45, 0, 0, byte(28 + len(text)), 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
	b = append(b, ip...)
	b = append(b, 0x1c, 0x68, 0x1c, 0x68, 0, byte(8+len(text)), 0, 0)
	return append(b, text...)
}

// The kernel takes the outer tag off what it receives. The capture shows the
// frame as it was on the wire.
func TestVLAN(t *testing.T) {
	tests := []struct {
		name string
		tags []byte
	}{
		{"none", nil},
		{"802.1Q", []byte{0x81, 0, 0x20, 7}},
		{"priority only", []byte{0x81, 0, 0xa0, 0}},
		{"TCI 0", []byte{0x81, 0, 0, 0}},
		{"802.1ad", []byte{0x88, 0xa8, 0, 9}},
		{"stacked", []byte{0x88, 0xa8, 0, 9, 0x81, 0, 0, 7}},
		{"three", []byte{0x88, 0xa8, 0, 9, 0x81, 0, 0, 8, 0x81, 0, 0, 7}},
		{"stacked, looks like IP", []byte{0x88, 0xa8, 0, 9, 0x81, 0, 0x45, 7}},
		{"twice 802.1Q", []byte{0x81, 0, 0, 9, 0x81, 0, 0, 7}},
	}
	h := testnet.New(t)
	ifi, tap := h.Tap("tap0")
	for _, name := range []string{"tap0", capture.Any, "lo,tap0"} {
		for _, tt := range tests {
			t.Run(name+" "+tt.name, func(t *testing.T) {
				l := listen(t, h, name, &capture.Config{Direction: capture.Incoming, Promiscuous: true})
				want := datagram(tt.tags, "hello")
				if _, err := tap.Write(want); err != nil {
					t.Fatal(err)
				}
				var f capture.Frame
				if err := read1(l, &f); err != nil {
					t.Fatal(err)
				}
				data := f.Data
				if f.Length != len(data) || f.Interface != ifi.Index || f.Direction != capture.Incoming {
					t.Errorf("%+v", f)
				}
				if f.Link == decode.LinkSLL2 {
					want = append(cooked(ifi.Index, want), want[14:]...)
				}
				if !bytes.Equal(data, want) {
					t.Errorf("got  % x\nwant % x", data, want)
				}
				var p decode.Packet
				if err := p.Decode(f.Link, data); err != nil || p.IPVersion != 4 || string(p.Payload) != "hello" {
					t.Errorf("decoded: %v, %+v", err, p)
				}
				if name := l.Info().InterfaceName(f.Interface); name != "tap0" {
					t.Errorf("interface %d is %q", f.Interface, name)
				}
			})
		}
	}
}

// cooked returns the SLL2 header of a broadcast Ethernet frame that came in.
func cooked(index int, frame []byte) []byte {
	b := append([]byte(nil), frame[12], frame[13], 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(index))
	b = append(b, 0, 1, 1, 6)
	return append(append(b, frame[6:12]...), 0, 0)
}

// A filter finds the tag where the kernel put it.
func TestVLANFilter(t *testing.T) {
	h := testnet.New(t)
	_, tap := h.Tap("tap0")
	l := listen(t, h, "tap0", &capture.Config{Filter: "vlan 7 and udp port 7272"})
	for i := range 100 {
		tap.Write(datagram(nil, fmt.Sprint("none", i)))
		tap.Write(datagram([]byte{0x81, 0, 0, 8}, fmt.Sprint("eight", i)))
		tap.Write(datagram([]byte{0x81, 0, 0, 7}, fmt.Sprint("seven", i)))
	}
	var f capture.Frame
	for i := range 100 {
		if err := read1(l, &f); err != nil || !bytes.HasSuffix(f.Data, []byte(fmt.Sprint("seven", i))) {
			t.Fatalf("frame %d: %v: %q", i, err, f.Data)
		}
	}
}

// SnapLen bounds what is kept with the headers that the capture adds, and
// Length tells what was there.
func TestSnapLen(t *testing.T) {
	h := testnet.New(t)
	_, tap := h.Tap("tap0")
	frame := datagram([]byte{0x81, 0, 0, 7}, "hello")
	for _, snap := range []int{1, 5, 12, 13, 16, 20, 24, 30, len(frame), 1000} {
		for _, name := range []string{"tap0", capture.Any} {
			// The host says nothing that comes in.
			l := listen(t, h, name, &capture.Config{Direction: capture.Incoming, SnapLen: snap})
			tap.Write(frame)
			var f capture.Frame
			if err := read1(l, &f); err != nil {
				t.Fatal(err)
			}
			want := frame
			if name == capture.Any {
				want = append(cooked(f.Interface, frame), frame[14:]...)
			}
			if f.Length != len(want) && snap >= 12 || !bytes.Equal(f.Data, want[:min(snap, len(want))]) {
				t.Errorf("%s, %d: %d bytes of %d: % x\nwant %d: % x", name, snap, len(f.Data), f.Length, f.Data, len(want), want)
			}
			l.Close()
		}
	}
}

// What this host sends with tags inside the frame, as packet sockets and
// devices without VLAN offload do, shows the same.
func TestVLANOutgoing(t *testing.T) {
	h := testnet.New(t)
	ifi, _ := h.Tap("tap0")
	var c *packet.Conn
	var err error
	h.Do(func() { c, err = packet.Listen(&ifi.Interface, packet.Raw, 0, nil) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"tap0", capture.Any} {
		for _, tags := range [][]byte{nil, {0x81, 0, 0x20, 7}, {0x88, 0xa8, 0, 9}} {
			l := listen(t, h, name, &capture.Config{Direction: capture.Outgoing})
			frame := datagram(tags, "hello")
			if _, err := c.WriteTo(frame, &packet.Addr{HardwareAddr: frame[:6]}); err != nil {
				t.Fatal(err)
			}
			var f capture.Frame
			for {
				if err := read1(l, &f); err != nil {
					t.Fatal(err)
				}
				if bytes.HasSuffix(f.Data, []byte("hello")) {
					break
				}
			}
			want := frame
			if name == capture.Any {
				want = append(cooked(f.Interface, frame), frame[14:]...)
				want[10] = 4 // PACKET_OUTGOING
			}
			if !bytes.Equal(f.Data, want) || f.Direction != capture.Outgoing {
				t.Errorf("%s, tags % x: %v\ngot  % x\nwant % x", name, tags, f.Direction, f.Data, want)
			}
			l.Close()
		}
	}
}
