package reassembly

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testnet"
)

var update = flag.Bool("wstap.update", false, "write what the kernel does to the golden files")

// An oracle is the running kernel in a namespace of its own, reached through a
// TAP device: what the test writes there is what the kernel receives.
type oracle struct {
	t        testing.TB
	host     *testnet.Host
	tap      *os.File
	link     packetgen.Link
	synAcks  chan *decode.Packet
	listener *net.TCPListener
}

func newOracle(t testing.TB) *oracle {
	h := testnet.New(t)
	ifi, tap := h.Tap("tap0")
	ifi.AddAddr(netip.PrefixFrom(kernel4, 16))
	ifi.AddAddr(netip.PrefixFrom(kernel6, 64))
	o := &oracle{t: t, host: h, tap: tap, synAcks: make(chan *decode.Packet, 1)}
	o.link = packetgen.Ethernet()
	copy(o.link.Dst[:], ifi.HardwareAddr)
	o.sysctl("net/ipv4/ipfrag_high_thresh", "1000000000")
	o.sysctl("net/ipv6/ip6frag_high_thresh", "1000000000")
	l, err := h.Listen("tcp", netip.AddrPortFrom(kernel4, 7272).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	o.listener = l.(*net.TCPListener)
	done := make(chan struct{})
	go o.read(done)
	t.Cleanup(func() { tap.Close(); <-done })
	return o
}

func (o *oracle) sysctl(name, value string) {
	o.host.Do(func() {
		if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
			o.t.Logf("cannot set %s: %v", name, err)
		}
	})
}

// read answers ARP for the tester and hands out SYN-ACKs.
func (o *oracle) read(done chan struct{}) {
	defer close(done)
	b := make([]byte, 1<<16)
	var p decode.Packet
	for {
		n, err := o.tap.Read(b)
		if err != nil {
			return
		}
		f := b[:n]
		if n >= 42 && f[12] == 8 && f[13] == 6 && f[21] == 1 {
			reply := append([]byte(nil), f[6:12]...)
			reply = append(reply, o.link.Src[:]...)
			reply = append(reply, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2)
			reply = append(reply, o.link.Src[:]...)
			reply = append(reply, f[38:42]...)
			reply = append(reply, f[22:32]...)
			o.tap.Write(reply)
			continue
		}
		if p.Decode(decode.LinkEthernet, f) == nil && p.TCP && p.Flags&(decode.SYN|decode.ACK) == decode.SYN|decode.ACK {
			q := p
			q.Data = bytes.Clone(p.Data) // of the buffer that is read into
			select {
			case o.synAcks <- &q:
			default: // sent again
			}
		}
	}
}

func (o *oracle) write(frame []byte) {
	if _, err := o.tap.Write(frame); err != nil {
		o.t.Fatal(err)
	}
}

// An oracleConn is a TCP connection whose client is made by hand.
type oracleConn struct {
	o         *oracle
	src       netip.AddrPort
	base, ack uint32 // the first byte of each side
	conn      *net.TCPConn
}

func (o *oracle) connect(port uint16) *oracleConn {
	c := &oracleConn{o: o, src: netip.AddrPortFrom(tester4, port), base: uint32(port) << 16}
	for len(o.synAcks) > 0 {
		<-o.synAcks
	}
	c.packet(packetgen.TCP{Seq: c.base - 1, Flags: decode.SYN, Options: packetgen.MSS(1460)})
	for {
		p := <-o.synAcks
		if p.Dst() == c.src {
			c.ack = p.Seq + 1
			break
		}
	}
	c.packet(packetgen.TCP{Seq: c.base, Ack: c.ack})
	conn, err := o.listener.AcceptTCP()
	if err != nil {
		o.t.Fatal(err)
	}
	c.conn = conn
	return c
}

func (c *oracleConn) packet(t packetgen.TCP) {
	t.Link, t.Src, t.Dst = &c.o.link, c.src, netip.AddrPortFrom(kernel4, 7272)
	c.o.write(t.Frame())
}

// send sends data at an offset of the stream.
func (c *oracleConn) send(off int, data []byte) {
	c.packet(packetgen.TCP{Seq: c.base + uint32(off), Ack: c.ack, Payload: data})
}

// now returns what can be read at once.
func (c *oracleConn) now() []byte {
	raw, err := c.conn.SyscallConn()
	if err != nil {
		c.o.t.Fatal(err)
	}
	b := make([]byte, 1<<12)
	n := 0
	raw.Read(func(fd uintptr) bool {
		n, _ = unix.Read(int(fd), b)
		return true
	})
	return b[:max(n, 0)]
}

// finish sends a FIN at off and returns what the socket reads.
func (c *oracleConn) finish(off int) []byte {
	c.packet(packetgen.TCP{Seq: c.base + uint32(off), Ack: c.ack, Flags: decode.FIN | decode.ACK})
	c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, err := io.ReadAll(c.conn)
	if err != nil {
		c.o.t.Fatalf("from %v: %v after %q", c.src, err, b)
	}
	c.conn.SetLinger(0)
	c.conn.Close()
	return b
}

// receive returns what comes to conn up to the datagram "end", sent last.
func (o *oracle) receive(conn *net.UDPConn, src, dst netip.Addr) string {
	end := packetgen.UDP{
		Link: &o.link, Src: netip.AddrPortFrom(src, 9), Dst: netip.AddrPortFrom(dst, 7272), Payload: []byte("end"),
	}
	o.write(end.Frame())
	var out []string
	b := make([]byte, 1<<16)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			o.t.Fatal(err)
		}
		if from.Port() == 9 {
			break
		}
		out = append(out, readUnits(from.Port(), b[:n]))
	}
	if out == nil {
		return "-"
	}
	return strings.Join(out, "+")
}

func (o *oracle) tcp(n int, c overlapCase) string {
	const size = 4 // bytes in a unit
	conn := o.connect(uint16(1024 + n))
	c.play(func(s span, letter byte) {
		conn.send(s.from*size, bytes.Repeat([]byte{letter}, (s.to-s.from)*size))
	})
	var out []byte
	for b := conn.finish(units * size); len(b) > 0; b = b[size:] {
		out = append(out, b[0])
		if string(b[:size]) != strings.Repeat(string(b[0]), size) {
			o.t.Fatalf("%v: torn unit %q", c, b)
		}
	}
	return string(out)
}

func (o *oracle) fragments(conn *net.UDPConn, n int, c overlapCase, src, dst netip.Addr) string {
	c.play(func(s span, letter byte) {
		o.write(o.link.Append(nil, packetgen.EtherTypeOf(src), fragmentOf(src, dst, uint32(n), s, letter)))
	})
	return o.receive(conn, src, dst)
}

// TestKernelOverlaps asks the running kernel for what the golden files say. With
// -wstap.update it writes them.
func TestKernelOverlaps(t *testing.T) {
	o := newOracle(t)
	listen := func(a netip.Addr) *net.UDPConn {
		var conn *net.UDPConn
		var err error
		o.host.Do(func() {
			conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 7272)))
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	udp4, udp6 := listen(kernel4), listen(kernel6)
	for _, k := range []struct {
		file, head string
		ask        func(int, overlapCase) string
	}{
		{"tcp", "What a socket reads of three segments (columns: the third) and, where they leave something out, dots.", o.tcp},
		{"ipv4-fragments", "What a socket reads of three fragments (columns: the third) and, where they leave something out, dots.",
			func(n int, c overlapCase) string { return o.fragments(udp4, n, c, tester4, kernel4) }},
		{"ipv6-fragments", "What a socket reads of three fragments (columns: the third) and, where they leave something out, dots.",
			func(n int, c overlapCase) string { return o.fragments(udp6, n, c, tester6, kernel6) }},
	} {
		t.Run(k.file, func(t *testing.T) {
			results := make(map[overlapCase]string)
			n := 0
			eachOverlap(func(c overlapCase) { n++; results[c] = k.ask(n, c) })
			if *update {
				writeOverlaps(t, k.file, k.head, results)
			}
			golden := readOverlaps(t, k.file)
			bad := 0
			for c, got := range results {
				if got != golden[c] {
					if bad++; bad <= 20 {
						t.Errorf("%v: this kernel has %s, the golden file %s", c, got, golden[c])
					}
				}
			}
		})
	}
}

// TestKernelRandom sends up to 12 chunks at random to the kernel and to an
// Assembler.
func TestKernelRandom(t *testing.T) {
	o := newOracle(t)
	rng := rand.New(rand.NewPCG(1, 1))
	const total = 16
	for n := range 1500 {
		conn := o.connect(uint16(1024 + n))
		b := newBench(t, nil)
		b.open(99, 499)
		var have [total]bool
		var sent []string
		send := func(from int, letter byte, n int) {
			data := bytes.Repeat([]byte{letter}, n)
			sent = append(sent, fmt.Sprintf("%d-%d %c", from, from+n, letter))
			conn.send(from, data)
			b.packet(seg(client, 0, 100+uint32(from), 500, string(data)))
			for i := range n {
				have[from+i] = true
			}
		}
		for i := range 4 + rng.IntN(9) {
			from := 1 + rng.IntN(total-1)
			send(from, byte('a'+i), 1+rng.IntN(min(6, total-from)))
		}
		for i := range have {
			if !have[i] {
				send(i, '.', 1)
			}
		}
		b.a.Close()
		if got, want := string(b.flows[0].streams[client]), string(conn.finish(total)); got != want {
			t.Errorf("%v: got %s, the kernel has %s", sent, got, want)
		}
	}
}

// TestKernelUrgent plays urgent data to the kernel, whose socket is read after
// every segment, and to an Assembler.
func TestKernelUrgent(t *testing.T) {
	o := newOracle(t)
	rng := rand.New(rand.NewPCG(2, 2))
	const total = 24
	for n := range 1000 {
		conn := o.connect(uint16(1024 + n))
		b := newBench(t, nil)
		b.open(99, 499)
		var sent []string
		var got []byte
		send := func(from, to, pointer int) {
			data := []byte("abcdefghijklmnopqrstuvwx")[from:to]
			sent = append(sent, fmt.Sprintf("%d-%d urg %d", from, to, pointer))
			k := packetgen.TCP{Seq: conn.base + uint32(from), Ack: conn.ack, Payload: data, Flags: decode.ACK, Urgent: uint16(pointer)}
			p := seg(client, 0, 100+uint32(from), 500, string(data))
			if pointer > 0 {
				k.Flags |= decode.URG
				p.Flags |= decode.URG
				p.Urgent = uint16(pointer)
			}
			conn.packet(k)
			b.packet(p)
			got = append(got, conn.now()...)
		}
		have := 0
		for range 1 + rng.IntN(6) {
			from := have
			if have > 0 && rng.IntN(3) == 0 {
				from = rng.IntN(have)
			}
			if rng.IntN(3) == 0 {
				from = min(total-1, have+rng.IntN(4))
			}
			to := from + 1 + rng.IntN(min(6, total-from))
			send(from, to, max(0, rng.IntN(16)-6))
			if from <= have {
				have = max(have, to)
			}
		}
		send(0, total, 0)
		got = append(got, conn.finish(total)...)
		b.a.Close()
		if ours := string(b.flows[0].streams[client]); ours != string(got) {
			t.Errorf("%v: got %s, the kernel has %s", sent, ours, got)
		}
	}
}

func TestKernelEvasions(t *testing.T) {
	o := newOracle(t)
	for n, e := range evasions {
		conn := o.connect(uint16(1024 + n))
		e.script.each(func(at int, data string) { conn.send(at, []byte(data)) })
		if got := string(conn.finish(len(e.want))); got != e.want {
			t.Errorf("%s: the kernel has %s, the table %s", e.name, got, e.want)
		}
	}
}

// TestKernelResets sends a reset with a number near the next one and looks
// whether the connection is gone.
func TestKernelResets(t *testing.T) {
	o := newOracle(t)
	for n, c := range []struct {
		ahead int // of the next byte
		hole  bool
	}{
		{0, false}, {1, false}, {-1, false}, {-3, false}, {1000, false}, {60_000, false}, {100_000, false}, {1 << 30, false},
		{0, true},
	} {
		conn := o.connect(uint16(1024 + n))
		b := newBench(t, nil)
		b.open(99, 499)
		send := func(at int, flags decode.TCPFlags, data string) {
			conn.packet(packetgen.TCP{Seq: conn.base + uint32(at), Ack: conn.ack, Flags: flags, Payload: []byte(data)})
			p := seg(client, flags, 100+uint32(at), 500, data)
			b.packet(p)
		}
		send(0, decode.ACK, "abcde")
		b.packet(seg(server, 0, 500, 105, ""))
		if c.hole {
			send(10, decode.ACK, "xyz")
		}
		send(5+c.ahead, decode.RST, "")
		raw, err := conn.conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var broken int
		raw.Control(func(fd uintptr) { broken, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR) })
		if c.hole { // what is missing may have been captured late
			b.a.Close()
		}
		closed := strings.Contains(strings.Join(b.flows[0].log, "|"), "closed rst")
		if closed != (broken != 0) {
			t.Errorf("%+v: closed %v, the kernel says %v", c, closed, unix.Errno(broken))
		}
		conn.conn.Close()
	}
}
