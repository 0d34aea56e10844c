package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/order"
)

// Reading says what is read, and from where on.
type Reading struct {
	Name      string    // whose place the engine remembers; empty: nobody's
	Beginning bool      // from the beginning
	Since     time.Time // from then on; zero and not Beginning: from now on
	Once      bool      // to what is the end now
	Tap, Port string    // of these alone; empty: of all
	Kinds     []batch.Kind
}

// A Reader gives out items. Next waits for one; where none comes for a while Time alone
// is set. It returns io.EOF at the end of a Reading that has one. An [UnreadableError] tells an
// item that is none of ours; reading goes on behind it.
type Reader interface {
	Next(ctx context.Context) (order.Item, error)
	// Idle says that all that was there has been read.
	Idle() bool
	Close()
}

// An UnreadableError is what was found in place of a batch.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return "not understood: " + e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

const (
	// idle is how long Next waits at most.
	idle = time.Second
	// dialTime is how long an engine may take until reading can begin.
	dialTime = 10 * time.Second
)

// subjects are what is read. Of taps themselves all is, whatever the port.
func (r *Reading) subjects() []string {
	if r.Port == "" && r.Kinds == nil {
		if r.Tap == "" {
			return []string{batch.Subjects}
		}
		return []string{batch.SubjectOf(r.Tap, "", "")}
	}
	var list []string
	kinds := r.Kinds
	if kinds == nil {
		kinds = []batch.Kind{batch.Open, batch.Message, batch.Gap, batch.End}
	}
	for _, k := range kinds {
		if k < batch.Tap {
			list = append(list, batch.SubjectOf(r.Tap, r.Port, k.String()))
		}
	}
	return append(list, batch.SubjectOf(r.Tap, "0", batch.Tap.String()), batch.SubjectOf(r.Tap, "0", batch.Loss.String()))
}

// Wants says whether a batch is to be read. What an engine cannot leave out is left out
// by who reads, once it is in order.
func (r *Reading) Wants(b *batch.Batch) bool {
	if r.Tap != "" && r.Tap != b.Tap {
		return false
	}
	return b.Kind >= batch.Tap || (r.Port == "" || r.Port == strconv.Itoa(int(b.Port))) && (r.Kinds == nil || slices.Contains(r.Kinds, b.Kind))
}

// natsReader reads a stream.
type natsReader struct {
	*NATS
	r      Reading
	iter   jetstream.MessagesContext
	target uint64 // with Once
	idle   bool
	ended  bool
}

// Read begins to read.
func (n *NATS) Read(ctx context.Context, r Reading) (Reader, error) {
	asking, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	nr := &natsReader{NATS: n, r: r}
	if r.Once {
		s, err := n.js.Stream(asking, Stream)
		if err != nil {
			return nil, n.noStream(err)
		}
		info, err := s.Info(asking)
		if err != nil {
			return nil, err
		}
		nr.target = info.State.LastSeq
	}
	if err := nr.open(ctx, asking); err != nil {
		return nil, n.noStream(err)
	}
	return nr, nil
}

// noStream says why there is nothing to read.
func (n *NATS) noStream(err error) error {
	n.mu.Lock()
	denied := n.denied
	n.mu.Unlock()
	if denied != nil && errors.Is(err, context.DeadlineExceeded) {
		return denied
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("the server has no stream %s: is it the right one? fleet stream makes it: %w", Stream, err)
	}
	return err
}

func (nr *natsReader) open(ctx, asking context.Context) error {
	policy, since := jetstream.DeliverNewPolicy, (*time.Time)(nil)
	switch {
	case nr.r.Beginning:
		policy = jetstream.DeliverAllPolicy
	case !nr.r.Since.IsZero():
		policy, since = jetstream.DeliverByStartTimePolicy, &nr.r.Since
	}
	var cons jetstream.Consumer
	var err error
	if nr.r.Name == "" {
		cons, err = nr.js.OrderedConsumer(ctx, Stream, jetstream.OrderedConsumerConfig{
			FilterSubjects: nr.r.subjects(), DeliverPolicy: policy, OptStartTime: since,
		})
	} else {
		cons, err = nr.js.Consumer(asking, Stream, nr.r.Name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			cons, err = nr.js.CreateConsumer(asking, Stream, jetstream.ConsumerConfig{
				Durable: nr.r.Name, FilterSubjects: nr.r.subjects(), DeliverPolicy: policy, OptStartTime: since,
				AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxAckPending: 2000,
			})
		}
	}
	if err != nil {
		return err
	}
	if nr.r.Once {
		info, err := cons.Info(asking)
		if err != nil {
			return err
		}
		nr.ended = info.NumPending == 0 && info.NumAckPending == 0
	}
	nr.iter, err = cons.Messages(jetstream.PullMaxMessages(500), jetstream.PullExpiry(5*time.Second))
	if err == nil {
		context.AfterFunc(ctx, nr.iter.Stop)
	}
	return err
}

func (nr *natsReader) Idle() bool { return nr.idle }

func (nr *natsReader) Next(ctx context.Context) (order.Item, error) {
	if nr.ended {
		return order.Item{}, errEnd
	}
	m, err := nr.iter.Next(jetstream.NextMaxWait(idle))
	switch {
	case ctx.Err() != nil:
		return order.Item{}, ctx.Err()
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, jetstream.ErrNoHeartbeat):
		nr.idle = nr.conn.IsConnected() && !errors.Is(err, jetstream.ErrNoHeartbeat)
		return order.Item{Time: time.Now()}, nil
	case errors.Is(err, jetstream.ErrMsgIteratorClosed):
		return order.Item{}, err
	case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
		return order.Item{}, fmt.Errorf("the place of %s was deleted: %w", nr.r.Name, err)
	case err != nil:
		return order.Item{}, err
	}
	meta, err := m.Metadata()
	if err != nil {
		return order.Item{}, &UnreadableError{err}
	}
	nr.idle = meta.NumPending == 0
	nr.ended = nr.r.Once && (meta.Sequence.Stream >= nr.target || meta.NumPending == 0)
	lines := m.Data()
	if m.Headers().Get(encodingField) == batch.Snappy {
		lines, err = batch.Unpack(lines)
	}
	var b *batch.Batch
	if err == nil {
		b, err = batch.Parse(m.Subject(), m.Headers().Get(headField), lines)
	}
	if err != nil {
		_ = m.Ack()
		return order.Item{}, &UnreadableError{err}
	}
	it := order.Item{Batch: b, Time: meta.Timestamp}
	if nr.r.Name != "" {
		it.Ack = func() { _ = m.Ack() } // one that is lost: the batch comes again, and is known
	}
	return it, nil
}

func (nr *natsReader) Close() {
	nr.iter.Stop()
	_ = nr.conn.FlushTimeout(time.Second) // acknowledgements
}
