package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wstap/wstap/examples/embed/service"
	"github.com/wstap/wstap/websocket"
)

// A metric is one counter or gauge, and where it is read.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*websocket.Stats) float64
}

func counter(name, help string, value func(*websocket.Stats) uint64) metric {
	return metric{prometheus.NewDesc("wstap_"+name, help, nil, nil), prometheus.CounterValue,
		func(s *websocket.Stats) float64 { return float64(value(s)) }}
}

var metrics = []metric{
	counter("packets_captured_total", "Packets that the tap has read.", func(s *websocket.Stats) uint64 { return s.Capture.Captured }),
	counter("packets_received_total", "Packets that passed the filter.", func(s *websocket.Stats) uint64 { return s.Capture.Received }),
	counter("packets_dropped_total", "Packets that found no room in the kernel's ring.", func(s *websocket.Stats) uint64 { return s.Capture.Dropped }),
	counter("packets_undecoded_total", "Packets that could not be decoded.", func(s *websocket.Stats) uint64 { return s.Undecoded }),
	counter("connections_total", "WebSocket connections seen.", func(s *websocket.Stats) uint64 { return s.Conns }),
	counter("messages_total", "Messages given out, control frames included.", func(s *websocket.Stats) uint64 { return s.Messages }),
	counter("messages_dropped_total", "Messages dropped because their consumer was slow.", func(s *websocket.Stats) uint64 { return s.MessageDropped }),
	counter("payload_bytes_total", "Payload bytes as sent.", func(s *websocket.Stats) uint64 { return s.PayloadBytes }),
	counter("lost_bytes_total", "Bytes of WebSocket connections lost to the capture.", func(s *websocket.Stats) uint64 { return s.LostBytes }),
	counter("skipped_bytes_total", "Bytes in which no frame was found.", func(s *websocket.Stats) uint64 { return s.SkippedBytes }),
	counter("connections_given_up_total", "Connections given up for want of room before it was known what they are.", func(s *websocket.Stats) uint64 { return s.GivenUp }),
	counter("windows_dropped_total", "Histories of compressed directions given up for want of room.", func(s *websocket.Stats) uint64 { return s.WindowsDropped }),
	{prometheus.NewDesc("wstap_connections_active", "WebSocket connections that have not ended.", nil, nil), prometheus.GaugeValue,
		func(s *websocket.Stats) float64 { return float64(s.Active) }},
}

// The accounts of websocket.Stats, whole: over each of them the parts and what
// waits add up to the total.
var (
	accountDesc = prometheus.NewDesc("wstap_account_total", "What came in.", []string{"account"}, nil)
	partDesc    = prometheus.NewDesc("wstap_account_part_total", "Of that, what went one way.", []string{"account", "part"}, nil)
	waitingDesc = prometheus.NewDesc("wstap_account_waiting", "Of that, what waits.", []string{"account", "part"}, nil)
)

var upDesc = prometheus.NewDesc("wstap_up", "1 while the tap runs.", nil, nil)

// A collector reads all counters at once, when Prometheus asks.
type collector struct{ s *service.Service }

func newCollector(s *service.Service) prometheus.Collector { return collector{s} }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metrics {
		ch <- m.desc
	}
	ch <- accountDesc
	ch <- partDesc
	ch <- waitingDesc
	ch <- upDesc
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	stats := c.s.Stats()
	for _, m := range metrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&stats))
	}
	for _, a := range stats.Accounts() {
		ch <- prometheus.MustNewConstMetric(accountDesc, prometheus.CounterValue, float64(a.Total), a.ID)
		for _, p := range a.Parts {
			desc, kind := partDesc, prometheus.CounterValue
			if p.Level {
				desc, kind = waitingDesc, prometheus.GaugeValue
			}
			ch <- prometheus.MustNewConstMetric(desc, kind, float64(p.N), a.ID, p.ID)
		}
	}
	up := 0.0
	if c.s.TapErr() == nil {
		up = 1
	}
	ch <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, up)
}
