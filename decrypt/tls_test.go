package decrypt

import (
	"crypto/tls"
	"testing"
	"time"
)

// TestSuites: every cipher suite of crypto/tls, whatever the segments.
func TestSuites(t *testing.T) {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			if suites()[s.ID] == nil {
				continue
			}
			t.Run(s.Name, func(t *testing.T) {
				keys := NewKeyLog()
				client, server := configs(keys)
				version := "1.2"
				if suites()[s.ID].tls13 {
					version = "1.3"
				} else {
					client.MaxVersion = tls.VersionTLS12
					client.CipherSuites, server.CipherSuites = []uint16{s.ID}, []uint16{s.ID}
				}
				tp := talk(t, client, server, 10)
				for _, size := range []int{1, 7, 536, 1460, 1 << 16} {
					o := NewOpener(keys, nil)
					r := play(t, o, tp.cut(size), false)
					r.check(t, tp)
					want := Info{Version: version, Cipher: s.Name, ServerName: "chat.example", ALPN: "http/1.1"}
					if version == "1.3" {
						want.Cipher = r.info.Cipher // crypto/tls chooses
					}
					if r.info != want || !r.closed {
						t.Errorf("%+v, closed %v", r.info, r.closed)
					}
					if st := o.Stats(); st.NoKeys+st.Lost+st.Waiting+st.Refused != 0 || st.OpenedConns != 1 || st.Active != 0 {
						t.Errorf("%+v", st)
					}
				}
			})
		}
	}
}

func TestNoKeys(t *testing.T) {
	keys := NewKeyLog()
	for _, max := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		client, server := configs(keys)
		client.MinVersion, client.MaxVersion = tls.VersionTLS10, max
		server.MinVersion = tls.VersionTLS10
		tp := talk(t, client, server, 3)
		for _, log := range []*KeyLog{nil, NewKeyLog()} {
			o := NewOpener(log, nil)
			r := play(t, o, tp.cut(1460), false)
			st := o.Stats()
			if r.got[0] != nil || st.Opened != 0 || st.NoKeys == 0 && log != nil || st.Active != 0 || st.Waiting != 0 {
				o.Finish(t.Context(), time.Unix(2e9, 0))
				st = o.Stats()
			}
			wrong := st.Opened != 0 || st.Waiting != 0 || st.Active != 0 || len(st.Unopened) != 1 || st.Unopened[0] != NameCount{"chat.example", 1}
			if log != nil && max < tls.VersionTLS12 {
				wrong = wrong || st.OldConns != 1
			} else {
				wrong = wrong || st.KeylessConns != 1
			}
			if wrong {
				t.Errorf("%x, log %v: %+v", max, log != nil, st)
			}
		}
	}
}
