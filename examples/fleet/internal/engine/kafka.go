package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/outbox"
)

// DefaultTopic is the topic of Kafka that holds everything.
const DefaultTopic = "wstap"

// A Kafka sends each event as a record of its own, with its connection as the key, so
// that a partition holds whole connections. Its client makes batches of them, and sends
// idempotently.
type Kafka struct {
	client *kgo.Client
}

// DialKafka returns a client, which connects when it is used.
func DialKafka(a *Access) (*Kafka, error) {
	opts, err := a.kafkaOptions()
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		kgo.ClientID("wstap"),
		kgo.DefaultProduceTopic(a.topic()),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.SnappyCompression()),
		kgo.MaxBufferedRecords(1<<20), // what is on its way is bounded by the outbox
		kgo.UnknownTopicRetries(3),
		kgo.MetadataMinAge(time.Second), // a leader that has moved is found soon
	)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	return &Kafka{client}, nil
}

func (a *Access) topic() string {
	if a.Topic == "" {
		return DefaultTopic
	}
	return a.Topic
}

// Publish implements [outbox.Engine].
func (k *Kafka) Publish(b *batch.Batch, done func(error)) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var mu sync.Mutex
	var failed error
	subject := []kgo.RecordHeader{{Key: headField, Value: []byte(b.Subject())}}
	n := uint64(0)
	for line := range bytes.Lines(b.Lines) {
		key := batch.Connection(line)
		if key == nil {
			key = []byte(b.Tap)
		}
		one := *b
		one.First, one.N, one.Before = b.First+n, 1, [batch.Kinds]uint64{}
		n++
		r := &kgo.Record{Key: key, Value: line, Headers: append(subject[:1:1], kgo.RecordHeader{Key: headField, Value: []byte(one.Head())})}
		k.client.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				mu.Lock()
				failed = explain(err)
				mu.Unlock()
			}
			if left.Add(-1) == 0 {
				done(failed)
			}
		})
	}
}

// explain says which errors will not pass.
func explain(err error) error {
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidRecord):
		return fmt.Errorf("%w: %w", outbox.ErrPermanent, err)
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("there is no such topic (fleet stream makes it): %w", err)
	}
	return err
}

// MakeTopic makes the topic, unless it is there.
func (k *Kafka) MakeTopic(ctx context.Context, a *Access, partitions int32, replicas int16) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = a.topic(), partitions, replicas
	req.Topics = append(req.Topics, topic)
	req.TimeoutMillis = 10000
	resp, err := req.RequestWith(ctx, k.client)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("topic %s: %w", t.Topic, err)
		}
	}
	return nil
}

// Close ends the client. What was not answered fails.
func (k *Kafka) Close() { k.client.Close() }
