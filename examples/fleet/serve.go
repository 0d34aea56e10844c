package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/limits"
)

const serveHelp = `fleet serve runs NATS JetStream in this process, and makes the stream.

  fleet serve [options]

  --listen HOST:PORT
              where taps and tails connect to (default 127.0.0.1:4222)
  --store DIR where messages are kept (default fleet-store)
  --max-bytes SIZE, --max-age D
              what is kept, such as 20G and 72h: then the oldest goes (default: all)
  --tls-cert FILE, --tls-key FILE, --tls-ca FILE
              TLS; with --tls-ca clients need a certificate of that authority
  --config FILE
              a configuration of nats-server: accounts, permissions, clusters. --listen,
              --store and the files of TLS are then its business
  --replicas N
              copies of the stream in a cluster (default 1)
  --monitor HOST:PORT
              the server's own state over HTTP
`

type serveOptions struct {
	listen, store, monitor, config string
	cert, key, ca                  string
	stream                         engine.StreamConfig
}

var serveTable = append([]cli.Option[serveOptions]{
	cli.Arg(0, "listen", cli.Keep(func(o *serveOptions) *string { return &o.listen })),
	cli.Arg(0, "store", cli.Keep(func(o *serveOptions) *string { return &o.store })),
	cli.Arg(0, "monitor", cli.Keep(func(o *serveOptions) *string { return &o.monitor })),
	cli.Arg(0, "config", cli.Keep(func(o *serveOptions) *string { return &o.config })),
	cli.Arg(0, "tls-cert", cli.Keep(func(o *serveOptions) *string { return &o.cert })),
	cli.Arg(0, "tls-key", cli.Keep(func(o *serveOptions) *string { return &o.key })),
	cli.Arg(0, "tls-ca", cli.Keep(func(o *serveOptions) *string { return &o.ca })),
}, keepOptions(func(o *serveOptions) *engine.StreamConfig { return &o.stream })...)

// keepOptions say what a stream keeps.
func keepOptions[T any](of func(*T) *engine.StreamConfig) []cli.Option[T] {
	return []cli.Option[T]{
		cli.Arg(0, "max-bytes", func(t *T, v string) (err error) {
			of(t).MaxBytes, err = limits.Size(v)
			return err
		}),
		cli.Arg(0, "max-age", func(t *T, v string) (err error) {
			of(t).MaxAge, err = time.ParseDuration(v)
			if err != nil || of(t).MaxAge < time.Second {
				return errors.New("must be a time such as 72h")
			}
			return nil
		}),
		cli.Arg(0, "replicas", func(t *T, v string) (err error) {
			of(t).Replicas, err = strconv.Atoi(v)
			if err != nil || of(t).Replicas < 1 || of(t).Replicas > 5 {
				return errors.New("must be a number from 1 to 5")
			}
			return nil
		}),
	}
}

func serveCommand(args []string) error {
	o := &serveOptions{listen: "127.0.0.1:4222", store: "fleet-store"}
	words, helped, err := parse(o, serveHelp, serveTable, args)
	if helped || err != nil {
		return err
	}
	if len(words) > 0 {
		return usagef("serve takes options only: %q", words[0])
	}
	ctx, _, undo := untilSignal()
	defer undo()
	s, err := o.start(ctx)
	if err != nil {
		return err
	}
	say("serving %s, messages are kept in %s", s.ClientURL(), s.StoreDir())
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// start starts a server with a stream.
func (o *serveOptions) start(ctx context.Context) (*server.Server, error) {
	opts, err := o.options()
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	if o.config != "" {
		s.ConfigureLogger()
	}
	s.Start()
	fail := func(err error) (*server.Server, error) {
		s.Shutdown()
		return nil, err
	}
	if !s.ReadyForConnections(30 * time.Second) {
		return fail(fmt.Errorf("the server does not listen on %s: is the port taken, or the store of another server?", o.listen))
	}
	if !s.JetStreamEnabled() {
		return fail(errors.New("JetStream does not run: its store cannot be used"))
	}
	if o.config != "" {
		return s, nil // whose accounts and clusters these are knows who makes the stream: fleet stream
	}
	n, err := engine.InProcess(s)
	if err != nil {
		return fail(err)
	}
	defer n.Close()
	making, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := n.MakeStream(making, o.stream); err != nil {
		return fail(err)
	}
	return s, nil
}

// options returns the server's configuration.
func (o *serveOptions) options() (*server.Options, error) {
	if o.config != "" {
		opts, err := server.ProcessConfigFile(o.config)
		if err != nil {
			return nil, err
		}
		opts.NoSigs = true
		return opts, nil
	}
	host, port, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, usagef("--listen needs an address and a port: %v", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, usagef("--listen: %q is no port", port)
	}
	store, err := filepath.Abs(o.store)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(store, 0o700); err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: "fleet", Host: host, Port: int(n), NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: store,
		MaxPayload: 8 << 20, // more than a line of a tap
	}
	if n == 0 {
		opts.Port = server.RANDOM_PORT
	}
	if o.monitor != "" {
		host, port, err := net.SplitHostPort(o.monitor)
		if err != nil {
			return nil, usagef("--monitor needs an address and a port: %v", err)
		}
		opts.HTTPHost = host
		if opts.HTTPPort, err = strconv.Atoi(port); err != nil {
			return nil, usagef("--monitor: %q is no port", port)
		}
	}
	if o.cert != "" || o.key != "" {
		opts.TLS = true
		opts.TLSConfig, err = server.GenTLSConfig(&server.TLSConfigOpts{
			CertFile: o.cert, KeyFile: o.key, CaFile: o.ca, Verify: o.ca != "", Timeout: 5,
		})
		if err != nil {
			return nil, err
		}
	}
	return opts, nil
}
