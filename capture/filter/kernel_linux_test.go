package filter

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/internal/testnet"
)

// A tap is a packet socket of the test.
type tap struct {
	t      testing.TB
	fd     int
	cooked bool
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// newTap listens on one interface, or cooked on every one (index 0).
func newTap(t testing.TB, index int, cooked bool) *tap {
	typ := unix.SOCK_RAW
	if cooked {
		typ = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(unix.AF_PACKET, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	if err == unix.EPERM { // in a user namespace: as much as net.core.rmem_max allows
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		t.Fatal(err)
	}
	return &tap{t, fd, cooked}
}

// attach sets the socket's filter.
func (s *tap) attach(ins []bpf.RawInstruction) error {
	f := make([]unix.SockFilter, len(ins))
	for i, in := range ins {
		f[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]})
}

// drain reads what has arrived: what the kernel showed to the program, and the
// frame as the user sees it. It leaves out what the hosts themselves send.
func (s *tap) drain() (views []seen, frames []frame) {
	buf := make([]byte, 70000)
	oob := make([]byte, 200)
	for {
		n, oobn, flags, from, err := unix.Recvmsg(s.fd, buf, oob, unix.MSG_TRUNC)
		if err == unix.EAGAIN {
			return views, frames
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if flags&unix.MSG_TRUNC != 0 {
			s.t.Fatal("frame longer than the buffer")
		}
		data := append([]byte(nil), buf[:n]...)
		ll := from.(*unix.SockaddrLinklayer)
		v := seen{data: data, meta: Meta{Length: n, Interface: ll.Ifindex, PacketType: ll.Pkttype,
			Protocol: htons(ll.Protocol), HardwareType: ll.Hatype}}
		if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
			v.meta.Protocol = ll.Protocol
		}
		if !inCorpus(ll.Addr[:6]) {
			continue
		}
		msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			s.t.Fatal(err)
		}
		for _, m := range msgs {
			if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA {
				aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
				if aux.Status&unix.TP_STATUS_VLAN_VALID != 0 {
					v.meta.HasVLAN, v.meta.VLANTag, v.meta.VLANProto = true, aux.Vlan_tci, aux.Vlan_tpid
				}
			}
		}
		views = append(views, v)
		frames = append(frames, s.asSeen(v, ll))
	}
}

func inCorpus(addr []byte) bool {
	for i := range macs {
		if string(mac(i)) == string(addr) {
			return true
		}
	}
	return false
}

// asSeen makes the user's frame.
func (s *tap) asSeen(v seen, ll *unix.SockaddrLinklayer) frame {
	m := v.meta
	b := v.data
	if !s.cooked {
		if m.HasVLAN {
			b = cat(b[:12], u16(int(m.VLANProto)), u16(int(m.VLANTag)), b[12:])
		}
		return frame{b, len(b)}
	}
	proto := m.Protocol
	if m.HasVLAN {
		proto = m.VLANProto
		b = cat(u16(int(m.VLANTag)), u16(int(m.Protocol)), b)
	}
	b = cat(u16(int(proto)), u16(0), u32(m.Interface), u16(int(m.HardwareType)), []byte{m.PacketType, ll.Halen}, ll.Addr[:], b)
	return frame{b, len(b)}
}

// A pair of taps sees the same, one of them through a filter.
type pair struct {
	name     string
	target   Target
	all, own *tap
}

func (p *pair) cooked() bool { return p.target.Link == decode.LinkSLL2 }

// The kernel must select with a live program what the program for files
// selects from the frames as the user sees them; and so must the interpreter
// from what the kernel shows.
func TestKernelSelectsTheSame(t *testing.T) {
	host := testnet.New(t)
	va, vb := testnet.Veth(t, host, host)
	host.Do(func() {
		send, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(send)
		var pairs []pair
		for _, p := range []struct {
			name   string
			index  int
			cooked bool
		}{{"sending", va.Index, false}, {"receiving", vb.Index, false}, {"any", 0, true}} {
			link := decode.LinkEthernet
			if p.cooked {
				link = decode.LinkSLL2
			}
			pairs = append(pairs, pair{p.name, Target{Link: link, Live: true}, newTap(t, p.index, p.cooked), newTap(t, p.index, p.cooked)})
			// Without a filter the kernel drops what is empty.
			if err := pairs[len(pairs)-1].all.attach([]bpf.RawInstruction{{Op: retK, K: defaultSnapLen}}); err != nil {
				t.Fatal(err)
			}
		}
		var frames []frame
		for _, f := range corpus(decode.LinkEthernet, false) {
			if len(f.data) >= 14 && len(f.data) <= 1514 && inCorpus(f.data[6:12]) {
				frames = append(frames, f)
			}
		}
		g := gen{rand.New(rand.NewPCG(11, 11))}
		list := append([]string(nil), kernelExprs...)
		more := testkit.Rounds(40, 10, max(60, exprs()/200))
		for i := range more {
			list = append(list, g.expr(i%4))
		}
		settle := func() {
			// The first frames are lost until the link is up.
			for _, p := range pairs {
				for range 500 {
					if err := unix.Sendto(send, frames[0].data, 0, &unix.SockaddrLinklayer{Ifindex: va.Index}); err != nil {
						t.Fatal(err)
					}
					if seen, _ := p.all.drain(); len(seen) > 0 {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		settle()
		compared, vlans, selected := 0, 0, 0
		for n, e := range list {
			var live, file [3]*Program
			any := false
			for i, p := range pairs {
				l, err := Compile(e, p.target)
				generated := n >= len(kernelExprs)
				if err != nil || byteMask.MatchString(e) || p.cooked() && (linkBytes.MatchString(e) || generated && strings.Contains(e, "[")) {
					// Of stacked tags the kernel does not tell all bytes, and
					// loads in the right part of arithmetic look at them.
					l = rejectAll
				} else if f, err := Compile(e, Target{Link: p.target.Link}); err == nil {
					live[i], file[i] = l, f
					any = true
				}
				if err := p.own.attach(l.Raw()); err != nil {
					t.Fatalf("%s: the kernel refuses %q: %v\n%s", p.name, e, err, l)
				}
				p.all.drain()
				p.own.drain()
			}
			if !any {
				continue
			}
			for _, f := range frames {
				if err := unix.Sendto(send, f.data, 0, &unix.SockaddrLinklayer{Ifindex: va.Index}); err != nil {
					t.Fatalf("sending %x: %v", f.data, err)
				}
			}
			for i, p := range pairs {
				views, all := p.all.drain()
				_, got := p.own.drain()
				if live[i] == nil {
					continue
				}
				compared++
				if len(all) < len(frames)*9/10 { // frames cut in their tag do not arrive
					t.Fatalf("%s: sent %d frames and saw %d", p.name, len(frames), len(all))
				}
				var want []string
				for j, f := range all {
					if views[j].meta.HasVLAN {
						vlans++
					}
					yes := file[i].Match(f.data, &Meta{Length: f.length}) > 0
					if yes {
						want = append(want, fmt.Sprintf("%x", f.data))
					}
					if m := live[i].Match(views[j].data, &views[j].meta) > 0; m != yes {
						t.Fatalf("%s: %q: frame %x: the interpreter says %v with the live program, %v with the file's", p.name, e, f.data, m, yes)
					}
				}
				selected += len(want)
				for j := 0; j < max(len(want), len(got)); j++ {
					switch {
					case j >= len(got):
						t.Fatalf("%s: %q: the kernel misses %s\n%s", p.name, e, want[j], live[i])
					case j >= len(want) || fmt.Sprintf("%x", got[j].data) != want[j]:
						w := "nothing more"
						if j < len(want) {
							w = want[j]
						}
						t.Fatalf("%s: %q: the kernel selects %x, wanted %s\n%s", p.name, e, got[j].data, w, live[i])
					}
				}
			}
		}
		t.Logf("%d programs on %d frames each, %d frames selected, %d had their tag in metadata", compared, len(frames), selected, vlans)
		if vlans == 0 {
			t.Error("no VLAN tag was in metadata")
		}
	})
}

var rejectAll = newProgram([]bpf.RawInstruction{{Op: retK}}, true)

var kernelExprs = []string{
	"", "ip", "ip6", "arp", "tcp port 80", "port 7272", "not port 80", "vlan", "vlan 5", "not vlan", "vlan and ip", "vlan 5 and tcp port 443",
	"vlan and vlan", "vlan and vlan and ip", "ether proto 0x8100", "ether proto 0x88a8", "ether[12:2] = 0x8100", "ether[14:2] & 0xfff = 5",
	"ether[10:4] != 0", "ether[11:4] > 7", "ether[13] = 0", "ether[ether[14] & 7 + 8 : 2] > 3", "len > 60", "less 64", "mpls", "mpls 5 and ip", "mpls 1024",
	"vlan 5 and mpls", "pppoes", "pppoes 2 and ip", "pppoes 5", "vlan 5 and pppoes 5 and ip6", "geneve", "geneve 5 and ip", "geneve and ether host 00:01:02:03:04:05",
	"geneve and tcp port 443", "protochain 6", "ip6 protochain 17", "ip protochain 17", "inbound", "outbound", "ifindex 2", "not ifindex 3 and ip",
	"inbound and vlan", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip[2:2] - ((ip[0]&0xf)<<2) > 20", "icmp[icmptype] = icmp-echo", "ip[ip[0] & 0xf] > 3",
	"ether multicast", "ether broadcast", "ip multicast", "ether src 00:01:02:03:04:05", "llc", "stp", "iso", "ipx", "netbeui", "sctp", "greater 100 and udp",
	"host 10.0.0.1", "net 10", "src net 10.0.0.0/24 and dst port 80", "portrange 1-1024", "vlan 4095 or vlan 0", "not (vlan 5 or tcp)", "atalk or aarp",
	"1 << ip[1] = 0 or 1 << ip[8] = 0", "ip[8] >> (ip[9] + 26) = 0", "len << (len & 63) > 0x1000", "1000 / ip[1] = 0", "len % (len & 1) = 0",
}
