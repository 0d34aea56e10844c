package decrypt

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// TestEachLost: any one segment is lost, those of the handshake among them. What
// comes after is opened, but for TLS 1.2 without its ServerHello, whose random is
// needed. Nothing is given on that was not sent.
func TestEachLost(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, size := range testkit.Rounds([]int{1460, 100}, []int{1460}, []int{1460, 100}) {
			keys := NewKeyLog()
			client, server := configs(keys)
			client.MaxVersion = version
			client.ClientSessionCache = nil // a resumed session of TLS 1.2 has no line
			talk(t, client, server, 1)      // more to try
			tp := talk(t, client, server, 8)
			pieces := tp.cut(size)
			unopened := 0
			for i := range pieces {
				lossy := append([]piece(nil), pieces...)
				lossy[i] = piece{dir: pieces[i].dir, gap: int64(len(pieces[i].data))}
				o := NewOpener(keys, nil)
				r := play(t, o, lossy, false)
				o.Finish(t.Context(), time.Unix(2e9, 0))
				balanced(t, o)
				for dir := range tp.sent {
					sent, got := tp.sent[dir], r.got[dir]
					if i > len(pieces)-8 {
						continue
					}
					tail := got[max(0, len(got)-18):]
					if len(tail) == 0 || !bytes.HasSuffix(sent, tail) {
						unopened++
						if version == tls.VersionTLS13 {
							t.Errorf("%x, without segment %d of %d, of %v: %d bytes of %v, sent were %d: %+v",
								version, i, len(pieces), pieces[i].dir, len(got), reassembly.Direction(dir), len(sent), o.Stats())
						}
					}
				}
			}
			// The ServerHello stands in one or two segments.
			if version == tls.VersionTLS12 && unopened > 2*(1+100/size*2) {
				t.Errorf("%x, segments of %d: %d directions without an end", version, size, unopened)
			}
		}
	}
}

// TestJoinedLate: joined behind each segment, with more and less secrets to try, and
// after many records.
func TestJoinedLate(t *testing.T) {
	for _, others := range testkit.Rounds([]int{0, 100}, []int{0}, []int{0, 100}) {
		t.Run(fmt.Sprint(others), func(t *testing.T) {
			keys := NewKeyLog()
			for i := range others {
				fmt.Fprintln(keys, logLine("CLIENT_TRAFFIC_SECRET_0", i, 32))
				fmt.Fprintln(keys, logLine("SERVER_TRAFFIC_SECRET_0", i, 32))
			}
			client, server := configs(keys)
			tp := talk(t, client, server, 400)
			for i := range others {
				fmt.Fprintln(keys, logLine("CLIENT_TRAFFIC_SECRET_0", 1000+i, 48))
				fmt.Fprintln(keys, logLine("SERVER_TRAFFIC_SECRET_0", 1000+i, 48))
			}
			pieces := tp.cut(1460)
			for i := 20; i < len(pieces)-100; i += 601 {
				o := NewOpener(keys, nil)
				r := play(t, o, pieces[i:], true)
				for dir := range tp.sent {
					if got := r.got[dir]; len(got) < 40000 || !bytes.HasSuffix(tp.sent[dir], got) {
						t.Errorf("from segment %d of %d: %d bytes of %v, sent were %d: %+v", i, len(pieces), len(got), reassembly.Direction(dir), len(tp.sent[dir]), o.Stats())
					}
				}
				if !r.late || r.info.Version != "1.3" {
					t.Errorf("%+v", r.info)
				}
			}
		})
	}
}
