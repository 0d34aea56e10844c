// Package engine brings batches to NATS JetStream and to Kafka, and reads them there.
package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/outbox"
)

const (
	// Stream is the stream that holds everything.
	Stream = "WSTAP"
	// headField is the header of a message that holds [batch.Batch.Head].
	headField = "Wstap-Batch"
	// encodingField is the header of a message whose lines are packed, see [batch.Snappy].
	encodingField = "Wstap-Encoding"
	// ackTime is how long JetStream may take for its answer.
	ackTime = 10 * time.Second
	// duplicates is how long JetStream remembers message ids. What is sent again later is
	// known by readers.
	duplicates = 2 * time.Minute
)

// StreamConfig says what a stream keeps.
type StreamConfig struct {
	Replicas int
	MaxBytes int64         // 0: no limit but the disk
	MaxAge   time.Duration // 0: for ever
}

// A NATS is a connection to JetStream.
type NATS struct {
	conn *nats.Conn
	js   jetstream.JetStream

	plain  bool   // lines are sent as they are
	packed []byte // the last batch, which the connection has copied: nothing is tried again

	mu      sync.Mutex
	pending map[*nats.Msg]func(error)
	denied  error // the server's last word about permissions
}

// DialNATS connects, or goes on trying in the background where wait is false. name is told
// to the server; of a tap it is its own, which answers come to: _INBOX.<name>.>
func DialNATS(a *Access, name string, wait bool) (*NATS, error) {
	opts, err := a.natsOptions()
	if err != nil {
		return nil, err
	}
	inbox := "_INBOX"
	if name != "" {
		inbox += "." + name
	}
	opts = append(opts,
		nats.Name("wstap "+name),
		nats.CustomInboxPrefix(inbox),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500*time.Millisecond),
		nats.ReconnectJitter(500*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1), // what cannot be sent now is kept by the outbox, in its order
		nats.RetryOnFailedConnect(!wait),
		nats.PingInterval(10*time.Second), nats.MaxPingsOutstanding(2),
		// A rotated password or a server that is not set up yet: no reason to give up.
		nats.IgnoreAuthErrorAbort(),
	)
	n, err := dialNATS(a.NATS, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.SafeURL(), err)
	}
	n.plain = a.Plain
	return n, nil
}

func dialNATS(url string, opts []nats.Option) (n *NATS, err error) {
	n = &NATS{pending: map[*nats.Msg]func(error){}}
	if n.conn, err = nats.Connect(url, append(opts, nats.ErrorHandler(n.heard))...); err != nil {
		return nil, err
	}
	n.js, err = jetstream.New(n.conn,
		jetstream.WithPublishAsyncTimeout(ackTime),
		jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, m *nats.Msg, _ *jetstream.PubAck) { n.answered(m, nil) }),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, err error) { n.answered(m, err) }),
	)
	if err != nil {
		n.conn.Close()
		return nil, err
	}
	return n, nil
}

// InProcess connects to a server in this process, with nobody asking who it is.
func InProcess(s nats.InProcessConnProvider) (*NATS, error) {
	return dialNATS("", []nats.Option{nats.InProcessServer(s)})
}

// heard takes errors that belong to no call. What a server does not permit it does not
// answer: all that waits has failed.
func (n *NATS) heard(_ *nats.Conn, _ *nats.Subscription, err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	n.mu.Lock()
	n.denied = err
	n.mu.Unlock()
	n.failAll(err)
}

// failAll fails what was not answered.
func (n *NATS) failAll(err error) {
	n.mu.Lock()
	pending := n.pending
	n.pending = map[*nats.Msg]func(error){}
	n.mu.Unlock()
	for _, done := range pending {
		done(err)
	}
}

// Publish implements [outbox.Engine]. It is for one goroutine at a time.
func (n *NATS) Publish(b *batch.Batch, done func(error)) {
	if !n.conn.IsConnected() {
		done(n.away())
		return
	}
	m := &nats.Msg{Subject: b.Subject(), Data: b.Lines, Header: nats.Header{
		headField:             {b.Head()},
		jetstream.MsgIDHeader: {b.ID()},
	}}
	if !n.plain {
		n.packed = b.Pack(n.packed)
		m.Data = n.packed
		m.Header[encodingField] = []string{batch.Snappy}
	}
	if most := n.conn.MaxPayload(); most > 0 && int64(m.Size()) > most {
		done(fmt.Errorf("%w: a batch of %d bytes, and the server takes %d", outbox.ErrPermanent, m.Size(), most))
		return
	}
	n.mu.Lock()
	n.pending[m] = done
	n.mu.Unlock()
	// Who tries again is the outbox, which keeps the order.
	if _, err := n.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0)); err != nil {
		n.answered(m, err)
	}
}

// away says that there is no connection, and why.
func (n *NATS) away() error {
	if err := n.conn.LastError(); err != nil {
		return fmt.Errorf("no connection to the server: %w", err)
	}
	return errors.New("no connection to the server")
}

func (n *NATS) answered(m *nats.Msg, err error) {
	n.mu.Lock()
	done := n.pending[m]
	delete(n.pending, m)
	if err != nil && n.denied != nil {
		err = n.denied // why no answer came
	}
	if err == nil {
		n.denied = nil
	}
	n.mu.Unlock()
	if done == nil {
		return
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		err = fmt.Errorf("the server has no stream %s (fleet stream makes it): %w", Stream, err)
	}
	done(err)
}

// MakeStream makes the stream, or changes it to what is asked for.
func (n *NATS) MakeStream(ctx context.Context, c StreamConfig) error {
	cfg := jetstream.StreamConfig{
		Name:        Stream,
		Description: "WebSocket messages of a fleet of taps",
		Subjects:    []string{batch.Subjects},
		Storage:     jetstream.FileStorage,
		Compression: jetstream.NoCompression, // taps have packed the lines
		Replicas:    max(c.Replicas, 1),
		MaxBytes:    -1,
		MaxAge:      c.MaxAge,
		Discard:     jetstream.DiscardOld,
		Duplicates:  duplicates,
		DenyDelete:  false,
	}
	if c.MaxBytes > 0 {
		cfg.MaxBytes = c.MaxBytes
	}
	if c.MaxAge > 0 {
		cfg.Duplicates = min(cfg.Duplicates, c.MaxAge)
	}
	_, err := n.js.CreateOrUpdateStream(ctx, cfg)
	return err
}

// Stored returns how many batches the stream holds.
func (n *NATS) Stored(ctx context.Context) (uint64, error) {
	s, err := n.js.Stream(ctx, Stream)
	if err != nil {
		return 0, n.noStream(err)
	}
	return s.CachedInfo().State.Msgs, nil
}

// Close ends the connection. What was not answered fails.
func (n *NATS) Close() {
	n.conn.Close()
	n.failAll(nats.ErrConnectionClosed)
}
