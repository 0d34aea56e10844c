// Command embed is a service with a WebSocket endpoint, /echo, that taps itself
// and logs what passes, in TLS too. Without CAP_NET_RAW it serves untapped.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/wstap/wstap/examples/embed/service"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:8080", "`address` to serve on")
	iface := flag.String("i", "any", "`interface` to tap")
	cert := flag.String("cert", "", "`file` of a certificate, to serve wss")
	key := flag.String("key", "", "`file` of its key")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	cfg := service.Config{Addr: *addr, Interface: *iface, Log: log}
	if err := run(ctx, cfg, *cert, *key); err != nil {
		log.Error("ended", "err", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg service.Config, cert, key string) error {
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return err
		}
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	s, err := service.New(cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
