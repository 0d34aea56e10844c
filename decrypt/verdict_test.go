package decrypt

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// notOpened is the part of Stats that tells why connections are not opened.
func notOpened(s Stats) (list [verdicts]uint64) {
	for v := noSecrets; v < verdicts; v++ {
		list[v] = *s.conns(v)
	}
	return list
}

// TestVerdict: why nothing is opened is known while the connection goes on, and stays
// so at its end, in one counter.
func TestVerdict(t *testing.T) {
	keys := NewKeyLog()
	record := func(version uint16, suites ...uint16) []piece {
		client, server := configs(keys)
		client.MinVersion, client.MaxVersion, server.MinVersion = tls.VersionTLS10, version, tls.VersionTLS10
		client.CipherSuites, client.ClientSessionCache = suites, nil
		return talk(t, client, server, 8).cut(1460)
	}
	lose := func(list []piece, i int) []piece {
		list[i] = piece{dir: list[i].dir, gap: int64(len(list[i].data))}
		return list
	}
	tls12, tls13 := record(tls.VersionTLS12), record(tls.VersionTLS13)
	for _, tt := range []struct {
		name   string
		keys   *KeyLog
		pieces []piece
		late   bool
		want   verdict
	}{
		{"opened", keys, tls13, false, open},
		{"no log", nil, tls13, false, noSecrets},
		{"empty log", NewKeyLog(), tls13, false, noSecrets},
		{"no log, late", nil, tls13[9:], true, joinedLate},
		{"empty log, late", NewKeyLog(), tls13[9:], true, joinedLate},
		{"1.2, late", keys, tls12[9:], true, joinedLate12},
		{"1.2, ChaCha20, late", keys, record(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)[9:], true, joinedLate},
		{"1.2, no ServerHello", keys, lose(record(tls.VersionTLS12), 1), false, helloLost},
		{"1.2, no ServerHello, empty log", NewKeyLog(), lose(record(tls.VersionTLS12), 1), false, noSecrets},
		{"1.1", keys, record(tls.VersionTLS11), false, oldVersion},
	} {
		if testing.Short() && tt.late && tt.keys == keys {
			continue // every secret is tried
		}
		o := NewOpener(tt.keys, nil)
		r, place := &receiver{}, &spot{}
		c := o.Conn(place, tt.late, r.accept)
		for i, p := range tt.pieces {
			if place.ignored {
				break
			}
			if p.gap > 0 {
				c.Gap(p.dir, p.gap, time.Unix(1e9, 0))
			} else {
				c.Data(p.dir, p.data, time.Unix(1e9, 0))
			}
			balanced(t, o)
			if st := o.Stats(); i == len(tt.pieces)-3 && tt.want != open && *st.conns(tt.want) != 1 {
				t.Errorf("%s, while it goes on: %v", tt.name, notOpened(st))
			}
		}
		if !place.ignored {
			c.Closed(reassembly.FIN, time.Unix(1e9, 0))
		}
		o.Finish(t.Context(), time.Unix(1e9, 0))
		var want [verdicts]uint64
		if tt.want != open {
			want[tt.want] = 1
		}
		st := o.Stats()
		if notOpened(st) != want || len(st.Unopened) != int(want[tt.want]) || st.Active != 0 {
			t.Errorf("%s: %v, want %v: %+v", tt.name, notOpened(st), want, st)
		}
	}
}

// TestVerdictChanges: of a connection whose secrets come late nothing is told any more.
func TestVerdictChanges(t *testing.T) {
	keys, late := NewKeyLog(), NewKeyLog()
	client, server := configs(keys)
	tp := talk(t, client, server, 3)
	o := NewOpener(late, nil)
	r := play(t, o, tp.cut(1460), false)
	if st := o.Stats(); st.KeylessConns != 1 || len(st.Unopened) != 1 || st.Unopened[0] != (NameCount{"chat.example", 1}) {
		t.Errorf("%+v", st)
	}
	keys.Record(late)
	o.Retry()
	r.check(t, tp)
	if st := o.Stats(); notOpened(st) != [verdicts]uint64{} || len(st.Unopened) != 0 {
		t.Errorf("%+v", st)
	}
}
