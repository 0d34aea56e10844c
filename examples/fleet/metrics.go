package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
)

// A metric is one counter or gauge of a tap.
type metric struct {
	name, help, kind string
	value            float64
}

// metrics returns the counters at this moment.
func (t *tap) metrics() []metric {
	c, o, s := t.builder.Counts(), t.out.Counts(), t.src.stats()
	counter := func(name, help string, n uint64) metric { return metric{name, help, "counter", float64(n)} }
	gauge := func(name, help string, v float64) metric { return metric{name, help, "gauge", v} }
	up := 0.0
	if o.Up {
		up = 1
	}
	acknowledged := 0.0
	if !o.Acknowledged.IsZero() {
		acknowledged = float64(o.Acknowledged.UnixMilli()) / 1000
	}
	return []metric{
		counter("packets_received_total", "Packets that passed the filter.", s.Capture.Received),
		counter("packets_dropped_total", "Packets that found no room in the kernel's ring.", s.Capture.Dropped),
		counter("lost_bytes_total", "Bytes of WebSocket connections lost to the capture.", s.LostBytes),
		gauge("connections_active", "WebSocket connections that have not ended.", float64(s.Active)),
		counter("events_total", "Events of this tap.", c.Events),
		counter("messages_total", "Of these, messages and control frames.", c.Messages),
		counter("events_put_total", "Events that found room.", c.Put),
		counter("events_lost_total", "Events that found none, told as losses.", c.Lost),
		counter("messages_cut_total", "Messages cut to what the engine takes.", c.Cut),
		counter("batches_sent_total", "Batches that the engine has acknowledged.", o.Sent),
		counter("events_sent_total", "Events in these, those that tell of taps and of earlier runs included.", o.Events),
		counter("bytes_sent_total", "Bytes of their lines.", o.Bytes),
		counter("batches_spooled_total", "Batches that were written to the spool.", o.Spooled),
		counter("batches_resent_total", "Batches that were sent more than once.", o.Resent),
		counter("events_refused_total", "Events that the engine will never take.", o.Dropped),
		counter("engine_failures_total", "Batches that failed at first.", o.EngineTroubles),
		counter("spool_failures_total", "Writes to the spool that failed.", o.SpoolTroubles),
		counter("spool_damaged_bytes_total", "Bytes of the spool that were no records.", o.SpoolDamaged),
		gauge("queue_bytes", "Bytes that wait in memory.", float64(o.Queued)),
		gauge("spool_bytes", "Bytes that wait on disk.", float64(o.Spool)),
		gauge("spool_limit_bytes", "Bytes that may.", float64(t.spoolSize)),
		gauge("engine_up", "1 while the engine answers.", up),
		gauge("acknowledged_timestamp_seconds", "When the engine last acknowledged something.", acknowledged),
	}
}

// writeMetrics writes them in Prometheus's text format (0.0.4).
func (t *tap) writeMetrics(w io.Writer) error {
	for _, m := range t.metrics() {
		_, err := fmt.Fprintf(w, "# HELP wstap_fleet_%s %s\n# TYPE wstap_fleet_%[1]s %[3]s\nwstap_fleet_%[1]s{tap=%[4]q} %[5]v\n",
			m.name, m.help, m.kind, t.name, m.value)
		if err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "# HELP wstap_fleet_info Which run of the tap this is.\n# TYPE wstap_fleet_info gauge\nwstap_fleet_info{tap=%q,boot=%q,schema=\"%d\"} 1\n",
		t.name, t.boot, batch.Schema)
	return err
}

// serveMetrics serves /metrics, if that is asked for.
func (t *tap) serveMetrics() (stop func(), err error) {
	addr := t.metricsAddr
	if addr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_ = t.writeMetrics(w) // who asked is gone
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go s.Serve(l)
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	}, nil
}
