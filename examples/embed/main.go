// Command embed is a service with a WebSocket endpoint, /echo, that taps itself
// and logs what passes. Without CAP_NET_RAW it serves untapped.
package main

import (
	"context"
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
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	s, err := service.New(service.Config{Addr: *addr, Interface: *iface, Log: log})
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		log.Error("ended", "err", err)
		os.Exit(1)
	}
}
