// Command metrics is examples/embed with counters for Prometheus on /metrics.
// It is a module of its own, so that wstap does not need client_golang.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
		handle(s)
		err = s.Run(ctx)
	}
	if err != nil {
		log.Error("ended", "err", err)
		os.Exit(1)
	}
}

// handle adds /metrics to a service.
func handle(s *service.Service) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(newCollector(s), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
}
