package web

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

const (
	eventTime = 200 * time.Millisecond // between events
	heartbeat = 15 * time.Second
)

// events tells that something has changed, as server-sent events. Each tells the state
// of its moment, so a client that is slow gets fewer.
func (s *Server) events(w http.ResponseWriter, r *request) error {
	if err := r.allow(); err != nil {
		return err
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return failf(http.StatusServiceUnavailable, "there are %d streams of events already", maxStreams)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // nothing more is to come from there
	tick := time.NewTicker(eventTime)
	defer tick.Stop()
	var last []byte
	for written := time.Now(); ; {
		next := s.appendState(nil)
		text := []byte(":\n\n")
		switch {
		case !bytes.Equal(next, last):
			last = next
			text = append(append([]byte("event: state\ndata: "), next...), "\n\n"...)
		case time.Since(written) < heartbeat:
			text = nil
		}
		if text != nil {
			_ = rc.SetWriteDeadline(time.Now().Add(s.cfg.patience / 3))
			if _, err := w.Write(text); err != nil || rc.Flush() != nil {
				return nil // who listened has gone
			}
			written = time.Now()
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Server) appendState(b []byte) []byte {
	sum := s.cfg.Store.Summary()
	b = strconv.AppendUint(append(b, `{"version":`...), sum.Version, 10)
	b = strconv.AppendUint(append(b, `,"messages":`...), sum.Forgotten+sum.Stored, 10)
	b = s.appendStats(append(b, `,"stats":`...), &sum)
	return append(b, '}')
}
