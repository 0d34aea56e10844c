package engine

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/order"
)

// errEnd is the end of a Reading that has one.
var errEnd = io.EOF

// kafkaReader reads a topic.
type kafkaReader struct {
	client *kgo.Client
	r      Reading
	queue  []*kgo.Record
	ends   map[int32]int64 // high watermarks
	next   map[int32]int64
	idle   bool
	joined atomic.Bool // partitions are assigned
}

// ReadKafka begins to read. A name is a consumer group.
func ReadKafka(ctx context.Context, a *Access, r Reading) (Reader, error) {
	opts, err := a.kafkaOptions()
	if err != nil {
		return nil, err
	}
	start := kgo.NewOffset().AtEnd()
	switch {
	case r.Beginning:
		start = kgo.NewOffset().AtStart()
	case !r.Since.IsZero():
		start = kgo.NewOffset().AfterMilli(r.Since.UnixMilli())
	}
	opts = append(opts, kgo.ConsumeTopics(a.topic()), kgo.ConsumeResetOffset(start), kgo.ConsumeStartOffset(start),
		kgo.FetchMaxWait(500*time.Millisecond))
	kr := &kafkaReader{r: r, ends: map[int32]int64{}, next: map[int32]int64{}}
	asking, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if r.Name != "" {
		if err := takePlace(asking, a, &r); err != nil {
			return nil, err
		}
		opts = append(opts, kgo.ConsumerGroup(r.Name), kgo.AutoCommitMarks(),
			kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { kr.joined.Store(true) }))
	} else {
		kr.joined.Store(true)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	kr.client = client
	if err := client.Ping(asking); err != nil {
		client.Close()
		return nil, err
	}
	return kr, nil
}

// takePlace has the group of a new name remember where it begins, in every partition: one
// of which nothing was read yet would begin anew at each start.
func takePlace(ctx context.Context, a *Access, r *Reading) error {
	opts, err := a.kafkaOptions()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	known, err := admin.FetchOffsets(ctx, r.Name)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return err
	}
	var from kadm.ListedOffsets
	switch {
	case len(known[a.topic()]) > 0 || r.Beginning: // a partition that is not known is a new one
		from, err = admin.ListStartOffsets(ctx, a.topic())
	case !r.Since.IsZero():
		from, err = admin.ListOffsetsAfterMilli(ctx, r.Since.UnixMilli(), a.topic())
	default:
		from, err = admin.ListEndOffsets(ctx, a.topic())
	}
	if err != nil {
		return err
	}
	begin := kadm.Offsets{}
	from.Each(func(o kadm.ListedOffset) {
		if _, ok := known.Lookup(o.Topic, o.Partition); !ok && o.Err == nil {
			begin.AddOffset(o.Topic, o.Partition, o.Offset, o.LeaderEpoch)
		}
	})
	if len(begin) == 0 {
		return nil
	}
	_, err = admin.CommitOffsets(ctx, r.Name, begin)
	return err
}

func (kr *kafkaReader) Idle() bool { return kr.idle }

func (kr *kafkaReader) Next(ctx context.Context) (order.Item, error) {
	for len(kr.queue) == 0 {
		if kr.r.Once && kr.idle {
			return order.Item{}, errEnd
		}
		joined := kr.joined.Load()
		wait, cancel := context.WithTimeout(ctx, idle)
		fetches := kr.client.PollRecords(wait, 10000)
		cancel()
		if ctx.Err() != nil {
			return order.Item{}, ctx.Err()
		}
		var failed error
		fetches.EachError(func(_ string, _ int32, err error) {
			if wait.Err() == nil && failed == nil {
				failed = err
			}
		})
		if failed != nil {
			return order.Item{}, failed
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			kr.ends[p.Partition] = p.HighWatermark
			for _, r := range p.Records {
				kr.next[p.Partition] = r.Offset + 1
			}
			kr.queue = append(kr.queue, p.Records...)
		})
		kr.idle = true
		for p, end := range kr.ends {
			kr.idle = kr.idle && kr.next[p] >= end
		}
		if len(kr.queue) == 0 {
			kr.idle = joined // and nothing for a second
			return order.Item{Time: time.Now()}, nil
		}
		kr.idle = false
	}
	rec := kr.queue[0]
	kr.queue[0] = nil
	kr.queue = kr.queue[1:]
	it := order.Item{Time: rec.Timestamp, Alone: true}
	if kr.r.Name != "" {
		it.Ack = func() { kr.client.MarkCommitRecords(rec) }
	}
	subject, head := "", ""
	for i, h := range rec.Headers {
		if h.Key == headField && i == 0 {
			subject = string(h.Value)
		} else if h.Key == headField {
			head = string(h.Value)
		}
	}
	b, err := batch.Parse(subject, head, rec.Value)
	if err != nil {
		return order.Item{}, &UnreadableError{err}
	}
	it.Batch = b
	return it, nil
}

func (kr *kafkaReader) Close() {
	if kr.r.Name != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = kr.client.CommitMarkedOffsets(ctx) // what is not remembered comes again
		cancel()
	}
	kr.client.Close()
}
