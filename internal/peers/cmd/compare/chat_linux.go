package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// A chat is WebSocket connections over the lo of the calling thread's network
// namespace, of which both ends are here: of one seed the same bytes in the same order
// each time. Clients are the caller's thread's; the servers have a thread of their own
// with files of its own, so that a process may have as many connections as files.
// Sockets block, but hardly ever wait: exchanges go round by round.
type chat struct {
	rng     *rand.Rand
	addr    unix.SockaddrInet4
	clients []int
	servers chan []exchange // rounds to be answered
	done    chan error      // what came of one
	round   []exchange
	in      []byte
	sent    int // messages
}

// An exchange is what a client of a connection says and its server answers.
type exchange struct {
	conn        int
	ask, answer []byte
	opens, ends bool // the connection
}

const (
	chatPort  = 7272
	roundSize = 50
	request   = "GET /chat HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

// newChat opens n connections.
func newChat(n int) (*chat, error) {
	c := &chat{
		rng:     rand.New(rand.NewPCG(1, 2)),
		addr:    unix.SockaddrInet4{Port: chatPort, Addr: [4]byte{127, 0, 0, 1}},
		clients: make([]int, n),
		servers: make(chan []exchange),
		done:    make(chan error),
		in:      make([]byte, 4096),
	}
	listener, err := tcpSocket()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(unix.Bind(listener, &c.addr), unix.Listen(listener, 2*roundSize)); err != nil {
		return nil, errors.Join(err, unix.Close(listener))
	}
	go c.serve(listener)
	err = <-c.done
	unix.Close(listener) // the servers have theirs
	for i := 0; i < n && err == nil; i++ {
		c.open(i)
		err = c.flush(roundSize)
	}
	if err == nil {
		err = c.flush(1)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func tcpSocket() (int, error) {
	return unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// talk has n messages exchanged, at most perSecond of them, one a segment: what a
// client says the server says too. Of a hundred exchanges one is a connection's last,
// and another takes its place.
func (c *chat) talk(n, perSecond int) error {
	start := time.Now()
	for first := c.sent; c.sent < first+n; {
		i := c.rng.IntN(len(c.clients))
		c.say(i, ws.OpText, c.text(), false)
		if c.sent += 2; c.rng.IntN(100) == 0 {
			c.say(i, ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, "bye"), true)
			c.open(i)
		}
		if err := c.flush(roundSize); err != nil {
			return err
		}
		due := start.Add(time.Duration(c.sent-first) * time.Second / time.Duration(perSecond))
		if d := time.Until(due); d > time.Millisecond { // a sleep of less is one of that
			time.Sleep(d)
		}
	}
	return c.flush(1)
}

// open has a connection opened, with its handshake.
func (c *chat) open(conn int) {
	c.round = append(c.round, exchange{conn, []byte(request), []byte(response), true, false})
}

// say has a frame sent on a connection, and sent back.
func (c *chat) say(conn int, op ws.OpCode, payload []byte, ends bool) {
	f := ws.NewFrame(op, true, payload)
	var mask [4]byte
	for i := range mask {
		mask[i] = byte(c.rng.Uint32())
	}
	c.round = append(c.round, exchange{conn, ws.MustCompileFrame(ws.MaskFrameWith(f, mask)), ws.MustCompileFrame(f), false, ends})
}

// text is what somebody says.
func (c *chat) text() []byte {
	b := fmt.Appendf(nil, `{"type":"say","from":"%08x","n":%d,"content":"`, c.rng.Uint32(), c.sent)
	for range 4 + c.rng.IntN(12) {
		b = append(b, "hi, all ! "[:2+c.rng.IntN(9)]...)
	}
	return append(b, `"}`...)
}

// flush carries out the round if it is of so many exchanges.
func (c *chat) flush(least int) error {
	if len(c.round) < least {
		return nil
	}
	defer func() { c.round = c.round[:0] }()
	// A connection may occur more than once: it ends, or opens, in between.
	for round := c.round; len(round) > 0; {
		n := distinct(round)
		if err := c.exchange(round[:n]); err != nil {
			return err
		}
		round = round[n:]
	}
	return nil
}

// distinct returns how many exchanges come before the first of a connection that had
// one already.
func distinct(round []exchange) int {
	for n, e := range round {
		for _, before := range round[:n] {
			if before.conn == e.conn {
				return n
			}
		}
	}
	return len(round)
}

func (c *chat) exchange(round []exchange) (err error) {
	for _, e := range round {
		if e.opens {
			if c.clients[e.conn], err = tcpSocket(); err != nil {
				return err
			}
			if err := unix.Connect(c.clients[e.conn], &c.addr); err != nil {
				return err
			}
		}
		if _, err := unix.Write(c.clients[e.conn], e.ask); err != nil {
			return err
		}
	}
	c.servers <- round
	if err := <-c.done; err != nil {
		return err
	}
	for _, e := range round {
		if err := receive(c.clients[e.conn], len(e.answer), c.in); err != nil {
			return err
		}
		if e.ends {
			if err := unix.Close(c.clients[e.conn]); err != nil {
				return err
			}
			c.clients[e.conn] = 0
		}
	}
	return nil
}

// serve answers rounds until there are no more.
func (c *chat) serve(listener int) {
	runtime.LockOSThread() // for good: the thread takes its files along when it ends
	c.done <- unix.Unshare(unix.CLONE_FILES)
	servers := make([]int, len(c.clients))
	in := make([]byte, 4096)
	for round := range c.servers {
		c.done <- answer(listener, servers, round, in)
	}
}

func answer(listener int, servers []int, round []exchange, in []byte) (err error) {
	for _, e := range round {
		if e.opens { // in the order in which they were
			if servers[e.conn], _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC); err != nil {
				return err
			}
		}
		if err := receive(servers[e.conn], len(e.ask), in); err != nil {
			return err
		}
		if _, err := unix.Write(servers[e.conn], e.answer); err != nil {
			return err
		}
		if e.ends { // the server closes first: RFC 6455, section 7.1.1
			if err := unix.Close(servers[e.conn]); err != nil {
				return err
			}
		}
	}
	return nil
}

// receive reads n bytes.
func receive(fd, n int, in []byte) error {
	for n > 0 {
		k, err := unix.Read(fd, in)
		if err != nil {
			return err
		}
		if k == 0 {
			return errors.New("a connection ended before its time")
		}
		n -= k
	}
	return nil
}

// close ends what is open.
func (c *chat) close() {
	close(c.servers)
	for _, fd := range c.clients {
		if fd > 0 {
			unix.Close(fd)
		}
	}
}
