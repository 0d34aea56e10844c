package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/testkit"
)

func kafka(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, engine.Access) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.SeedTopics(12, engine.DefaultTopic)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c, engine.Access{Kafka: strings.Join(c.ListenAddrs(), ",")}
}

// TestKafka: three taps, and brokers that move partitions, refuse, and answer too late
// what they have done. Every message arrives once and in order, and the accounts agree. kfake
// is no cluster: docs/fleet.md says what that leaves open.
func TestKafka(t *testing.T) {
	const conns = 20
	messages := testkit.Rounds(10000, 2000, 100000)
	file := recording(t, conns, messages)
	c, access := kafka(t)
	defer c.Close()
	c.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: engine.DefaultTopic, Err: kerr.NotLeaderForPartition, Count: testkit.Rounds(1, 1, 5)},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: engine.DefaultTopic, Err: kerr.NotEnoughReplicasAfterAppend, Count: testkit.Rounds(1, 1, 5)},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: engine.DefaultTopic, Err: kerr.RequestTimedOut, Count: testkit.Rounds(1, 1, 5)},
	)
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(200 * time.Millisecond):
				c.ShufflePartitionLeaders()
			}
		}
	}()
	runTaps(t, tapOf(t, access, "a", file), tapOf(t, access, "b", file), tapOf(t, access, "c", file))()
	close(over)
	out, counts := readAll(t, access)
	t.Logf("%+v", counts)
	if counts.Missing != 0 {
		t.Errorf("%+v", counts)
	}
	checkOnce(t, events(t, out), []string{"a", "b", "c"}, conns, messages)
}

// TestKafkaGone: brokers that go for a while, and a tap that ends meanwhile: what it had
// waits for the next start. A durable name goes on where it was.
func TestKafkaGone(t *testing.T) {
	file := recording(t, 4, 2000)
	dir := t.TempDir()
	c, access := kafka(t, kfake.DataDir(dir), kfake.NumBrokers(1))
	addr := access.Kafka
	c.Close()

	o := tapOf(t, access, "a", file)
	ctx := canceledSoon(t, 3*time.Second)
	tap, err := o.run(ctx, ctx)
	if err != nil {
		t.Fatal(err)
	}
	if tap.left != 0 || tap.out.Counts().Spool == 0 {
		t.Errorf("%d left, %+v", tap.left, tap.out.Counts())
	}

	var port int
	for _, d := range addr[strings.LastIndexByte(addr, ':')+1:] {
		port = 10*port + int(d-'0')
	}
	c, access = kafka(t, kfake.DataDir(dir), kfake.NumBrokers(1), kfake.Ports(port))
	defer c.Close()
	again := tapOf(t, access, "a", recording(t, 1, 10))
	again.spoolDir = o.spoolDir
	if _, err := again.run(t.Context(), t.Context()); err != nil {
		t.Fatal(err)
	}
	out, counts := readAll(t, access)
	if counts.messages != 2010 || counts.Missing != 0 {
		t.Errorf("%+v", counts)
	}
	if boots := bytes.Count(out, []byte(`"state":"start"`)); boots != 2 {
		t.Errorf("%d starts", boots)
	}

	read := func(begin bool) uint64 {
		t.Helper()
		var out bytes.Buffer
		o := &tailOptions{Access: access, json: true, Reading: engine.Reading{Beginning: begin, Once: true, Name: "me"}}
		counts, err := o.run(t.Context(), &out)
		if err != nil {
			t.Fatal(err)
		}
		return counts.messages
	}
	if n := read(true); n != 2010 {
		t.Errorf("%d messages", n)
	}
	runTaps(t, tapOf(t, access, "b", recording(t, 1, 10)))()
	if n := read(false); n != 10 {
		t.Errorf("%d messages after the first 2010", n)
	}
}
