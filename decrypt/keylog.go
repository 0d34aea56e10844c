package decrypt

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"sync/atomic"
)

const (
	// maxSecrets bounds the secrets kept of a log: those of some 400,000
	// connections, in about 150 MB.
	maxSecrets = 1 << 21
	// maxSessions bounds the master secrets kept for sessions that are resumed.
	maxSessions = 1 << 16
	// maxOlder bounds the bytes of RSA lines kept for Record.
	maxOlder = 1 << 20
	// maxLine is the length of the longest line that is read.
	maxLine = 1 << 10
)

// A KeyLog holds the secrets of TLS connections, from lines as RFC 9850 has them
// and from the older RSA lines. Lines may come at any time and in any order; of
// two with the same label and random the later counts. The secrets of some
// 400,000 connections are kept, then the oldest are forgotten.
//
// It is an [io.Writer], for the KeyLogWriter of a [crypto/tls.Config], and can
// follow files. Its methods may be called from any goroutine.
type KeyLog struct {
	mu       sync.RWMutex
	secrets  store
	sessions store         // by lookupBy
	changed  chan struct{} // closed, and made anew, when secrets were added
	record   *recording    // nil: none
	older    []byte        // RSA lines, for record: what they are looked up by does not tell them
	stats    KeyLogStats
	written  lineReader // by Write
	readers  sync.WaitGroup
	done     chan struct{}     // closed by Close
	open     map[*os.File]bool // files that are followed; nil after Close

	told    uint64        // version, by publish
	version atomic.Uint64 // counts additions
	pending atomic.Int64  // readers of pipes that have not come to their end
}

// KeyLogStats counts the lines of a [KeyLog].
type KeyLogStats struct {
	Lines     uint64 // without comments and empty ones
	Secrets   uint64 // lines that were kept
	Duplicate uint64 // of which the same was known
	Other     uint64 // with labels that say nothing of records, such as EXPORTER_SECRET
	Bad       uint64 // that are no lines of a key log
}

// NewKeyLog returns an empty KeyLog. Close is due only if it follows files.
func NewKeyLog() *KeyLog {
	return &KeyLog{
		secrets:  store{max: maxSecrets},
		sessions: store{max: maxSessions},
		changed:  make(chan struct{}),
		done:     make(chan struct{}),
		open:     make(map[*os.File]bool),
	}
}

// Stats returns the counters.
func (k *KeyLog) Stats() KeyLogStats {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.stats
}

// Write takes lines, also in pieces. It never fails: crypto/tls would end the
// handshake of whoever is tapped.
func (k *KeyLog) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for l := range k.written.lines(b) {
		k.take(l)
	}
	k.publish()
	return len(b), nil
}

// take takes a line. The caller holds mu, and calls publish later.
func (k *KeyLog) take(b []byte) {
	l := parseLine(b)
	added := false
	switch l.kind {
	case lineEmpty:
		return
	case lineBad:
		k.stats.Bad++
	case lineOther:
		k.stats.Other++
	case lineSecret:
		added = k.secrets.add(l.random, l.label, l.secret)
	case lineSession:
		added = k.sessions.add(l.random, l.label, l.secret)
	}
	k.stats.Lines++
	switch {
	case l.kind != lineSecret && l.kind != lineSession:
	case !added:
		k.stats.Duplicate++
	default:
		k.stats.Secrets++
		k.version.Add(1)
		k.recordLine(b, l.kind)
	}
}

// publish wakes who waits for additions. The caller holds mu.
func (k *KeyLog) publish() {
	if v := k.version.Load(); v != k.told {
		k.told = v
		close(k.changed)
		k.changed = make(chan struct{})
	}
}

// wait returns a channel that is closed at the next addition.
func (k *KeyLog) wait() <-chan struct{} {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.changed
}

// find returns the secret of a connection.
func (k *KeyLog) find(r *random, l label) (secret, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.secrets.find(r, l)
}

// session returns the secret that is known by something else than a client random.
func (k *KeyLog) session(kind string, by []byte, l label) (secret, bool) {
	r := lookupBy(kind, by)
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.sessions.find(&r, l)
}

// keepSession remembers a master secret for connections that resume its session.
func (k *KeyLog) keepSession(kind string, by []byte, master secret) {
	r := lookupBy(kind, by)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions.add(r, masterSecret, master) {
		k.version.Add(1) // another connection may wait for it
		k.publish()
	}
}

// newest returns the number that the next entry will have.
func (k *KeyLog) newest() uint32 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.secrets.next
}

// before fills in the secrets of the newest entry before number n that has one of
// them, down to number after. It returns that entry's number.
func (k *KeyLog) before(n, after uint32, labels []label, found []secret) (r random, number uint32, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for n := range k.secrets.newest(n, after) {
		r = k.secrets.entry(n).random
		for i, l := range labels {
			found[i], _ = k.secrets.find(&r, l)
			ok = ok || found[i].n > 0
		}
		if ok {
			return r, n, true
		}
	}
	return r, 0, false
}

// A lineReader cuts bytes into lines, which end with LF, CR or both.
type lineReader struct {
	part []byte // of a line whose end did not come yet
	long bool   // the line is too long: it is none
}

// lines yields the lines of b and what came before it.
func (r *lineReader) lines(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := bytes.IndexAny(b, "\r\n")
			if n < 0 {
				r.keep(b)
				return
			}
			l := b[:n]
			if len(r.part) > 0 || r.long {
				r.keep(l)
				l = r.part
			}
			b = b[n+1:]
			if r.long {
				l = tooLong
			}
			ok := yield(l)
			r.part, r.long = r.part[:0], false
			if !ok {
				return
			}
		}
	}
}

// tooLong stands for a line that is too long to be one.
var tooLong = []byte{'-'}

func (r *lineReader) keep(b []byte) {
	if r.long = r.long || len(r.part)+len(b) > maxLine; !r.long {
		r.part = append(r.part, b...)
	}
}

// rest returns the last line, whose end did not come, if it is a whole one. It
// may still grow: then it will be given as a line too.
func (r *lineReader) rest() []byte {
	if r.long || parseLine(r.part).kind < lineSecret {
		return nil
	}
	return r.part
}

// String tells nothing of what the log holds but the number of lines.
func (k *KeyLog) String() string { return fmt.Sprintf("key log of %d secrets", k.Stats().Secrets) }

// Format keeps secrets from being printed by any verb.
func (k *KeyLog) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }
