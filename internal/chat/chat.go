// Package chat holds the walkthrough's conversation, as workerman-chat and two
// browsers do, for demonstrations.
package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// message is one message of workerman-chat's protocol.
type message struct {
	Type       string            `json:"type"`
	ClientName string            `json:"client_name,omitempty"`
	RoomID     int               `json:"room_id,omitempty"`
	From       string            `json:"from_client_name,omitempty"`
	To         string            `json:"to_client_id,omitempty"`
	Content    string            `json:"content,omitempty"`
	Time       string            `json:"time,omitempty"`
	Clients    map[string]string `json:"client_list,omitempty"`
}

func (m *message) encode() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(m) // a struct of strings
	return bytes.TrimSpace(b.Bytes())
}

// A Chat is a server: everybody sees what anybody says.
type Chat struct {
	http http.Server
	ctx  context.Context // done when the chat is closed
	stop context.CancelFunc
	wait sync.WaitGroup

	mu      sync.Mutex
	members map[*websocket.Conn]string
}

// New returns a Chat that is not yet served.
func New() *Chat {
	c := &Chat{members: map[*websocket.Conn]string{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.http.Handler = c
	return c
}

// Close ends all connections, also those whose client was interrupted while it
// was dialling and that nobody else will end.
func (c *Chat) Close() {
	c.stop()
	c.http.Close()
	c.wait.Wait()
}

func (c *Chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.wait.Add(1)
	defer c.wait.Done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OriginPatterns:       []string{"127.0.0.1:*"},
		CompressionMode:      websocket.CompressionContextTakeover,
		CompressionThreshold: 1,
	})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		_, data, err := conn.Read(c.ctx)
		if err != nil {
			c.leave(conn)
			return
		}
		var m message
		if err := json.Unmarshal(data, &m); err != nil {
			conn.Close(websocket.StatusInvalidFramePayloadData, "not JSON")
			c.leave(conn)
			return
		}
		c.handle(conn, &m)
	}
}

func (c *Chat) handle(conn *websocket.Conn, m *message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Type {
	case "login":
		c.members[conn] = m.ClientName
		list := map[string]string{}
		for _, name := range c.members {
			list[fmt.Sprintf("client-%d", len(list)+1)] = name
		}
		c.broadcast(&message{Type: "login", ClientName: m.ClientName, Clients: list})
	case "say":
		c.broadcast(&message{Type: "say", From: c.members[conn], To: m.To, Content: m.Content})
	}
}

func (c *Chat) leave(conn *websocket.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name, ok := c.members[conn]
	delete(c.members, conn)
	if ok {
		c.broadcast(&message{Type: "logout", From: name})
	}
}

// broadcast sends to all members; mu is held, so all see the same order.
func (c *Chat) broadcast(m *message) {
	m.Time = time.Now().Format(time.DateTime)
	data := m.encode()
	for conn := range c.members {
		ctx, cancel := context.WithTimeout(context.Background(), Time)
		_ = conn.Write(ctx, websocket.MessageText, data) // a member that has gone leaves by itself
		cancel()
	}
}

const (
	// Port is the port of the walkthrough's server.
	Port = "7272"
	// Time is far more than a conversation takes.
	Time = 20 * time.Second
	// Clients is the number of connections that a conversation makes.
	Clients = 2
)

// Conversation serves the chat on the loopback and holds the walkthrough's
// conversation there: mynick logs in and says "hi, all !", a second browser
// comes, answers and leaves.
func (c *Chat) Conversation(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+Port)
	if err != nil {
		return err
	}
	go c.http.Serve(l)
	url := "ws://" + l.Addr().String() + "/"

	first, err := login(ctx, url, "mynick", websocket.CompressionDisabled)
	if err != nil {
		return err
	}
	defer first.conn.CloseNow()
	if err := first.say(ctx, "hi, all !"); err != nil {
		return err
	}
	second, err := login(ctx, url, "第二人", websocket.CompressionContextTakeover)
	if err != nil {
		return err
	}
	defer second.conn.CloseNow()
	if err := first.hear(ctx, "login"); err != nil {
		return err
	}
	if err := second.say(ctx, "你好 🌍, \"quoted\" & <b>"); err != nil {
		return err
	}
	if err := first.hear(ctx, "say"); err != nil {
		return err
	}
	if err := second.conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		return err
	}
	if err := first.hear(ctx, "logout"); err != nil {
		return err
	}
	return first.conn.Close(websocket.StatusGoingAway, "")
}

// browser is one of the demo's clients.
type browser struct{ conn *websocket.Conn }

func login(ctx context.Context, url, name string, compression websocket.CompressionMode) (*browser, error) {
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPHeader:           http.Header{"Origin": {"http://127.0.0.1:55151"}},
		CompressionMode:      compression,
		CompressionThreshold: 1,
	})
	if err != nil {
		return nil, err
	}
	b := &browser{conn}
	return b, b.send(ctx, &message{Type: "login", ClientName: name, RoomID: 1})
}

func (b *browser) say(ctx context.Context, what string) error {
	return b.send(ctx, &message{Type: "say", To: "all", Content: what})
}

// send sends m and waits until the chat has repeated it to everybody.
func (b *browser) send(ctx context.Context, m *message) error {
	if err := b.conn.Write(ctx, websocket.MessageText, m.encode()); err != nil {
		return err
	}
	return b.hear(ctx, m.Type)
}

// hear reads one message, which must be of the type.
func (b *browser) hear(ctx context.Context, typ string) error {
	_, data, err := b.conn.Read(ctx)
	if err != nil {
		return err
	}
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	if m.Type != typ {
		return fmt.Errorf("expected %s, heard %s", typ, data)
	}
	return nil
}
