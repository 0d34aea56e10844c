package web

import (
	"net"
	"sync"
)

// limit returns a listener that closes connections which come while n are open.
func limit(l net.Listener, n int) net.Listener {
	return &limited{l, make(chan struct{}, n)}
}

type limited struct {
	net.Listener
	open chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.open <- struct{}{}:
			return &limitedConn{Conn: c, done: func() { <-l.open }}, nil
		default:
			c.Close()
		}
	}
}

type limitedConn struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.done)
	return err
}
