package websocket

import (
	"net/netip"
	"sync"
)

// servers are addresses at which WebSockets were seen, of all pipelines: other
// connections to these need less evidence. The zero value is ready for use.
type servers struct {
	mu    sync.RWMutex
	known map[netip.AddrPort]bool
}

// maxServers bounds the addresses remembered.
const maxServers = 4096

func (s *servers) has(a netip.AddrPort) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[a]
}

func (s *servers) add(a netip.AddrPort) {
	if s.has(a) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[netip.AddrPort]bool)
	}
	for old := range s.known { // any of them
		if len(s.known) < maxServers {
			break
		}
		delete(s.known, old)
	}
	s.known[a] = true
}

func (s *servers) remove(a netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, a)
}
