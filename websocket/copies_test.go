package websocket

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/reassembly"
)

// chat is a conversation of n messages of each side, named by name.
func chat(name string, n int) *packetgen.Conversation {
	c := packetgen.NewConversation()
	c.ISN = [2]uint32{0x11112222, 0xfffff000}
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(response))
	say(c, name, n)
	return c
}

// say adds n messages of each side.
func say(c *packetgen.Conversation, name string, n int) {
	for i := range n {
		c.Send(packetgen.Client, testFrame(FromClient, 0x81, fmt.Appendf(nil, "%s c%02d", name, i)))
		c.Send(packetgen.Server, testFrame(FromServer, 0x81, fmt.Appendf(nil, "%s s%02d", name, i)))
	}
}

// said are the texts of a chat.
func said(name string, n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("%s c%02d", name, i), fmt.Sprintf("%s s%02d", name, i))
	}
	return texts
}

// A view is what of a conversation is captured at a place.
type view struct {
	late  [2]time.Duration // by the side that sends
	move  func(*packetgen.TCP)
	shift [2]uint32                            // added to the sequence numbers
	wrap  func([]byte) []byte                  // into a tunnel
	lost  func(i int, p packetgen.Packet) bool // nil: nothing
}

// of returns the frames of c at the place.
func (v view) of(c *packetgen.Conversation) []capture.Frame {
	var frames []capture.Frame
	for i, p := range c.Packets {
		if v.lost != nil && v.lost(i, p) {
			continue
		}
		tcp := p.TCP
		tcp.Seq += v.shift[p.From]
		if tcp.Flags&decode.ACK != 0 {
			tcp.Ack += v.shift[p.From.Other()]
		}
		if v.move != nil {
			v.move(&tcp)
		}
		if v.late != [2]time.Duration{} {
			tcp.Link = elsewhere(p.From)
		}
		b := tcp.Frame()
		if v.wrap != nil {
			b = v.wrap(b)
		}
		frames = append(frames, capture.Frame{Data: b, Length: len(b), Time: p.Time.Add(v.late[p.From]), Link: decode.LinkEthernet})
	}
	return frames
}

// elsewhere is another cable than packetgen's.
func elsewhere(from packetgen.Side) *packetgen.Link {
	link := packetgen.Ethernet()
	link.Src[0] |= 0x42
	link.Dst[0] |= 0x42
	if from == packetgen.Server {
		link.Src, link.Dst = link.Dst, link.Src
	}
	return &link
}

// capturedTogether puts what was captured at several places in the order of time.
func capturedTogether(places ...[]capture.Frame) *frameSource {
	s := &frameSource{link: decode.LinkEthernet, frames: slices.Concat(places...)}
	slices.SortStableFunc(s.frames, func(a, b capture.Frame) int { return a.Time.Compare(b.Time) })
	return s
}

// nat changes one address, as a NAT does, in both directions.
func nat(from, to string) func(*packetgen.TCP) {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	return func(t *packetgen.TCP) {
		for _, end := range []*netip.AddrPort{&t.Src, &t.Dst} {
			if *end == a {
				*end = b
			}
		}
	}
}

func both(f, g func(*packetgen.TCP)) func(*packetgen.TCP) {
	return func(t *packetgen.TCP) { f(t); g(t) }
}

var (
	snat = nat("10.0.0.1:40000", "192.0.2.7:40000")
	dnat = nat("10.0.0.2:80", "172.17.0.2:8080")
)

// behind is how a place that is nearer to the server sees things.
var behind = [2]time.Duration{50 * time.Microsecond, -50 * time.Microsecond}

// passOn is a chat through a proxy that ends TCP: what the client has, and what the
// server has, whose heads are changed by change.
func passOn(client, server *packetgen.Conversation, change func(string) string, n int) {
	legs := []*packetgen.Conversation{client, server}
	turn := func(i int, f func(c *packetgen.Conversation)) {
		f(legs[i])
		legs[1-i].Time = legs[i].Time
	}
	for i := range legs {
		legs[i].Step = 100 * time.Microsecond
	}
	turn(0, func(c *packetgen.Conversation) { c.Open(); c.Send(packetgen.Client, []byte(request)) })
	turn(1, func(c *packetgen.Conversation) {
		c.Open()
		c.Send(packetgen.Client, []byte(change(request)))
		c.Send(packetgen.Server, []byte(response))
	})
	turn(0, func(c *packetgen.Conversation) { c.Send(packetgen.Server, []byte(response)) })
	for i := range n {
		for leg := range legs {
			turn(leg, func(c *packetgen.Conversation) {
				c.Send(packetgen.Client, testFrame(FromClient, 0x81, fmt.Appendf(nil, "x c%02d", i)))
			})
		}
		for _, leg := range []int{1, 0} {
			turn(leg, func(c *packetgen.Conversation) {
				c.Send(packetgen.Server, testFrame(FromServer, 0x81, fmt.Appendf(nil, "x s%02d", i)))
			})
		}
	}
}

func relayed(client, server string, isn [2]uint32, change func(string) string) []*packetgen.Conversation {
	a, b := packetgen.NewConversation(), packetgen.NewConversation()
	a.ISN = [2]uint32{0x11112222, 0x33334444}
	b.ISN = [2]uint32{a.ISN[0] + isn[0], a.ISN[1] + isn[1]}
	if client != "" {
		b.Client, b.Server = netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	}
	b.Link = elsewhere(packetgen.Client)
	passOn(a, b, change, 5)
	return []*packetgen.Conversation{a, b}
}

func same(s string) string { return s }

func forwarded(s string) string {
	return strings.Replace(s, "\r\n\r\n", "\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n", 1)
}

// others is the same conversation between other people.
func others(client string, isn [2]uint32, at time.Duration) []capture.Frame {
	c := packetgen.NewConversation()
	c.Client = netip.MustParseAddrPort(client)
	c.ISN = isn
	c.Time = c.Time.Add(at)
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(response))
	say(c, client, 5)
	return view{}.of(c)
}

func plainViews(cs []*packetgen.Conversation) (places [][]capture.Frame) {
	for _, c := range cs {
		places = append(places, view{}.of(c))
	}
	return places
}

const alikeInAll = "all alike but for what they say"

type copiesCase struct {
	name   string
	places [][]capture.Frame
	conns  string   // what is told of each connection, in their order
	texts  []string // not flagged Copy, sorted
	all    int      // messages
}

func copiesCases() []copiesCase {
	x, long := chat("x", 5), chat("x", 300)
	with := func(name string, c *packetgen.Conversation, n int, conns string, all int, views ...view) copiesCase {
		k := copiesCase{name: name, conns: conns, texts: said("x", n), all: all}
		for _, v := range views {
			k.places = append(k.places, v.of(c))
		}
		return k
	}
	pair := func(name string, v view) copiesCase { return with(name, x, 5, "open; copy of 1", 20, view{}, v) }
	vxlan := func(b []byte) []byte {
		u := packetgen.UDP{Src: netip.MustParseAddrPort("10.9.0.1:50000"), Dst: netip.MustParseAddrPort("10.9.0.2:4789")}
		u.Payload = append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, b...)
		return u.Frame()
	}
	cases := []copiesCase{
		pair("SNAT", view{late: behind, move: snat}),
		pair("DNAT", view{late: behind, move: dnat}),
		pair("SNAT and DNAT", view{late: behind, move: both(snat, dnat)}),
		pair("SNAT, the first place is nearer to the server", view{late: [2]time.Duration{-1, 1}, move: snat}),
		pair("SNAT, the capture shows the copy always later", view{late: [2]time.Duration{100, 100}, move: snat}),
		pair("numbers of both changed", view{late: behind, shift: [2]uint32{99999, 1 << 31}}),
		pair("numbers of the client changed", view{late: behind, shift: [2]uint32{1 << 30, 0}}),
		pair("numbers of the server changed", view{late: behind, shift: [2]uint32{0, 1 << 30}}),
		pair("NAT and numbers of the client changed", view{late: behind, move: dnat, shift: [2]uint32{1 << 30, 0}}),
		pair("NAT and numbers of the server changed", view{late: behind, move: snat, shift: [2]uint32{0, 1 << 30}}),
		pair("in a tunnel", view{late: behind, wrap: vxlan}),
		pair("in a tunnel, behind a NAT", view{late: behind, wrap: vxlan, move: snat}),
		with("three copies", x, 5, "open; copy of 1; copy of 1", 30,
			view{}, view{late: behind, move: snat}, view{late: [2]time.Duration{80 * time.Microsecond, -80 * time.Microsecond}, move: both(snat, dnat)}),
		with("the copy is far behind", long, 300, "open; copy of 1", 1200,
			view{}, view{late: [2]time.Duration{time.Millisecond, time.Millisecond}, move: snat}),
		with("the first ends early", long, 300, "open; copy of 1", 600+301,
			view{late: behind, lost: func(i int, p packetgen.Packet) bool { return i > 607 }}, view{move: snat}),
		with("the first loses segments", long, 300, "open; copy of 1", 1200-20,
			view{late: behind, move: snat, lost: func(i int, p packetgen.Packet) bool { return i > 100 && len(p.TCP.Payload) > 0 && i < 140 }}, view{}),
		with("the copy loses segments", long, 300, "open; copy of 1", 1200-20,
			view{}, view{late: behind, move: snat, lost: func(i int, p packetgen.Packet) bool { return i > 100 && len(p.TCP.Payload) > 0 && i < 140 }}),
		with("both lose segments, others", long, 300, "open; copy of 1", 1200-40,
			view{lost: func(i int, p packetgen.Packet) bool { return i > 100 && len(p.TCP.Payload) > 0 && i < 140 }},
			view{late: behind, move: snat, lost: func(i int, p packetgen.Packet) bool { return i > 140 && len(p.TCP.Payload) > 0 && i < 180 }}),
	}

	for _, isn := range [][2]uint32{{1000, 1000}, {1 << 31, 1 << 30}} {
		cases = append(cases, copiesCase{fmt.Sprint("transparent proxy ", isn), plainViews(relayed("", "", isn, same)), "open; copy of 1", said("x", 5), 20})
	}
	far := [2]uint32{1 << 31, 1 << 30}
	twice := slices.Sorted(slices.Values(append(said("x", 5), said("x", 5)...)))
	cases = append(cases,
		copiesCase{"reverse proxy", plainViews(relayed("10.0.0.2:50000", "172.17.0.2:8080", far, forwarded)), "open; same key as 1", twice, 20},
		copiesCase{"TCP proxy", plainViews(relayed("10.0.0.2:50000", "172.17.0.2:8080", far, same)), "open; same key as 1", twice, 20},
		copiesCase{"transparent proxy that changes heads", plainViews(relayed("", "", far, forwarded)), "open; same key as 1", twice, 20},
	)

	// A client that has but one key.
	alike := func(name string, conns string, places ...[]capture.Frame) copiesCase {
		k := copiesCase{name: name, conns: conns, places: places}
		for _, p := range places {
			var to reader
			k.texts = append(k.texts, to.messages(&frameSource{link: decode.LinkEthernet, frames: p})...)
		}
		slices.Sort(k.texts)
		k.all = len(k.texts)
		return k
	}
	// Captures that begin later than the connection.
	late := func(name string, conns string, all int, first int, views ...view) copiesCase {
		k := copiesCase{name: "joined late: " + name, conns: conns, all: all}
		for i, v := range views {
			lost := v.lost
			v.lost = func(j int, p packetgen.Packet) bool { return j < 9+i*first || lost != nil && lost(j, p) }
			k.places = append(k.places, v.of(x))
		}
		var alone reader
		k.texts = alone.messages(&frameSource{link: decode.LinkEthernet, frames: k.places[0]})
		slices.Sort(k.texts)
		return k
	}
	n := len(late("alone", "", 0, 0, view{}).texts)
	cases = append(cases,
		late("SNAT", "open; copy of 1", 2*n, 0, view{}, view{late: behind, move: snat}),
		late("SNAT and DNAT", "open; copy of 1", 2*n, 0, view{}, view{late: behind, move: both(snat, dnat)}),
		late("three copies", "open; copy of 1; copy of 1", 3*n, 0,
			view{}, view{late: behind, move: snat}, view{late: [2]time.Duration{80 * time.Microsecond, -80 * time.Microsecond}, move: dnat}),
		late("in a tunnel", "open; copy of 1", 2*n, 0, view{}, view{late: behind, wrap: vxlan}),
		late("the capture shows the copy always later", "open; copy of 1", 2*n, 0, view{}, view{late: [2]time.Duration{100, 100}, move: snat}),
		late("the copy's acknowledgment came before", "open; copy of 1", 2*n, 0,
			view{lost: func(i int, p packetgen.Packet) bool { return i == 9 && len(p.TCP.Payload) == 0 }}, view{late: behind, move: snat}),
	)

	a, b := "10.0.0.1:40000", "10.0.0.1:40001"
	return append(cases,
		alike("one key, several ports at once", "open; open", others(a, [2]uint32{1, 2}, 0), others(b, [2]uint32{1, 2}, 1)),
		alike("one key, one after the other", "open; open", others(a, [2]uint32{1, 2}, 0), others("10.0.0.9:40000", [2]uint32{1, 2}, time.Second)),
		alike("one key, several clients at once", "open; open", others(a, [2]uint32{1, 2}, 0), others("10.0.0.9:40000", [2]uint32{3, 4}, 1)),
		alike("one key, the same port again", "open; open", others(a, [2]uint32{1, 2}, 0), others(a, [2]uint32{1 << 30, 1 << 30}, time.Second)),
		alike(alikeInAll, "open; copy of 1", others(a, [2]uint32{1, 2}, 0), others("10.0.0.9:40000", [2]uint32{1, 2}, 1)),
	)
}

// A reader reads a capture, with its tunnels.
type reader struct {
	conns  []string
	texts  []string
	copies int
}

func (r *reader) tap(src capture.Source) *Tap {
	return NewTap(src, &Config{Reassembly: &reassembly.Config{Tunnels: reassembly.AllTunnels}})
}

func (r *reader) read(t *testing.T, src capture.Source) {
	ended := make(map[uint64]bool)
	for e, err := range r.tap(src).Events(t.Context()) {
		switch e := e.(type) {
		case nil:
			t.Fatal(err)
		case *Open:
			word := "open"
			if e.Conn.CopyOf != 0 {
				word = fmt.Sprint("copy of ", e.Conn.CopyOf)
			} else if e.Conn.SameKey != 0 {
				word = fmt.Sprint("same key as ", e.Conn.SameKey)
			}
			r.conns = append(r.conns, word)
		case *Message:
			if e.Copy {
				r.copies++
			} else {
				r.texts = append(r.texts, e.Text())
			}
		case *End:
			if ended[e.Conn.Number] {
				t.Errorf("%d has ended twice", e.Conn.Number)
			}
			ended[e.Conn.Number] = true
		}
	}
}

func (r *reader) messages(src capture.Source) (texts []string) {
	for e := range r.tap(src).Events(context.Background()) {
		if m, ok := e.(*Message); ok {
			texts = append(texts, m.Text())
		}
	}
	return texts
}

// Every message of a connection that was captured at several places comes once
// without the flag, whatever one of them lost.
func TestCopies(t *testing.T) {
	for _, c := range copiesCases() {
		t.Run(c.name, func(t *testing.T) {
			var r reader
			r.read(t, capturedTogether(c.places...))
			if got := strings.Join(r.conns, "; "); got != c.conns {
				t.Errorf("connections: %s, want %s", got, c.conns)
			}
			slices.Sort(r.texts)
			if !slices.Equal(r.texts, slices.Sorted(slices.Values(c.texts))) {
				t.Errorf("%d messages, want %d: %.300q", len(r.texts), len(c.texts), r.texts)
			}
			if n := len(r.texts) + r.copies; n != c.all {
				t.Errorf("%d messages in all, want %d", n, c.all)
			}
		})
	}
}

// The same where copies are worked on by several goroutines, and only counted.
func TestCopiesInShards(t *testing.T) {
	for _, c := range copiesCases() {
		if c.name == alikeInAll { // what they say is compared only while they are read together
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			var file bytes.Buffer
			w, err := pcapfile.NewWriter(&file, decode.LinkEthernet, &pcapfile.WriterConfig{Format: pcapfile.Pcapng})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range capturedTogether(c.places...).frames {
				if err := w.WriteFrame(&f); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				src, err := pcapfile.NewReader(bytes.NewReader(file.Bytes()), &pcapfile.Config{Workers: 4})
				if err != nil {
					t.Fatal(err)
				}
				var r reader
				tap := r.tap(src)
				if err := tap.Count(t.Context()); err != nil {
					t.Fatal(err)
				}
				st := tap.Stats()
				copies := st.Traffic[0].Copies + st.Traffic[1].Copies
				if st.Messages != uint64(c.all) || st.Messages-st.MessageCopies != uint64(len(c.texts)) || copies != st.MessageCopies {
					t.Errorf("%d messages and %d copies, want %d and %d", st.Messages, st.MessageCopies, c.all, c.all-len(c.texts))
				}
				if want := strings.Count(c.conns, "copy of"); st.ConnCopies != uint64(want) {
					t.Errorf("%d copies of connections, want %d", st.ConnCopies, want)
				}
			}
		})
	}
}
