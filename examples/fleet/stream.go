package main

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/cli"
)

const streamHelp = `fleet stream makes the stream that taps send to, on an engine that others run, or
changes it to what the options say. With --kafka it makes the topic.

  fleet stream [options]

  --replicas N
              copies (default 1; 3 in a cluster)
  --max-bytes SIZE, --max-age D
              what is kept, such as 200G and 72h: then the oldest goes (NATS; default: all)
  --partitions N
              of a topic (default 12)
` + accessHelp

type streamOptions struct {
	engine.Access
	stream     engine.StreamConfig
	partitions int
}

var streamTable = append(append(keepOptions(func(o *streamOptions) *engine.StreamConfig { return &o.stream }),
	accessOptions(func(o *streamOptions) *engine.Access { return &o.Access })...),
	cli.Arg(0, "partitions", func(o *streamOptions, v string) (err error) {
		o.partitions, err = strconv.Atoi(v)
		if err != nil || o.partitions < 1 || o.partitions > math.MaxInt16 {
			return errors.New("must be a number from 1")
		}
		return nil
	}))

func streamCommand(args []string) error {
	o := &streamOptions{partitions: 12}
	words, helped, err := parse(o, streamHelp, streamTable, args)
	if helped || err != nil {
		return err
	}
	if len(words) > 0 {
		return usagef("stream takes options only: %q", words[0])
	}
	if err := checkAccess(&o.Access); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if o.Kafka != "" {
		k, err := engine.DialKafka(&o.Access)
		if err != nil {
			return err
		}
		defer k.Close()
		return k.MakeTopic(ctx, &o.Access, int32(o.partitions), int16(max(o.stream.Replicas, 1)))
	}
	n, err := engine.DialNATS(&o.Access, "", true)
	if err != nil {
		return err
	}
	defer n.Close()
	return n.MakeStream(ctx, o.stream)
}
