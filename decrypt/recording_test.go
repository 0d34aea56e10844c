package decrypt

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// TestRecordAgain: a further file gets the secrets of who goes on, then those of who
// begins, once each, and no more than it may.
func TestRecordAgain(t *testing.T) {
	keys := NewKeyLog()
	client, server := configs(keys)
	client.ClientSessionCache = nil
	first, second := talk(t, client, server, 3), talk(t, client, server, 3)
	logTraffic(keys, 1) // whose connection never comes
	var file bytes.Buffer
	keys.Record(&file)
	if n := strings.Count(file.String(), "\n"); n != 10 {
		t.Errorf("%d lines: %s", n, &file)
	}
	o := NewOpener(keys, nil)
	r := &receiver{}
	c := o.Conn(&spot{}, false, r.accept)
	feed := func(list []piece) {
		for _, p := range list {
			c.Data(p.dir, p.data, time.Unix(1e9, 0))
		}
	}
	pieces := first.cut(1460)
	half := len(pieces) / 2
	feed(pieces[:half])
	file.Reset()
	if left := keys.RecordAgain(100); left != 1 || file.Len() > 0 {
		t.Errorf("%d left out, %d bytes", left, file.Len())
	}
	for range 2 {
		file.Reset()
		if left := keys.RecordAgain(0); left != 0 || strings.Count(file.String(), "\n") != 2 || strings.Count(file.String(), "TRAFFIC_SECRET_0") != 2 {
			t.Errorf("%d left out: %s", left, &file)
		}
	}
	alone := NewKeyLog()
	alone.Write(file.Bytes())
	if late := play(t, NewOpener(alone, nil), pieces[half:], true); len(late.got[0]) == 0 || !bytes.HasSuffix(first.sent[0], late.got[0]) {
		t.Errorf("%d bytes are opened with what the file has", len(late.got[0]))
	}
	feed(pieces[half:])
	c.Closed(reassembly.FIN, time.Unix(1e9, 0))
	file.Reset()
	keys.RecordAgain(0)
	if file.Len() > 0 || len(keys.record.used) > 0 {
		t.Errorf("of connections that have ended: %s", &file)
	}
	play(t, o, second.cut(1460), false)
	if n := strings.Count(file.String(), "\n"); n != 4 {
		t.Errorf("%d lines of a connection that begins: %s", n, &file)
	}
	alone = NewKeyLog()
	alone.Write(file.Bytes())
	play(t, NewOpener(alone, nil), second.cut(1460), false).check(t, second)
}

// TestRecordResumed: a resumed session of TLS 1.2 gets a line of its own, so that a file
// without the first connection opens it.
func TestRecordResumed(t *testing.T) {
	keys := NewKeyLog()
	client, server := configs(keys)
	client.MaxVersion = tls.VersionTLS12
	first, again := talk(t, client, server, 3), talk(t, client, server, 3)
	var file bytes.Buffer
	keys.Record(&file)
	o := NewOpener(keys, nil)
	play(t, o, first.cut(1460), false)
	file.Reset()
	play(t, o, again.cut(1460), false)
	if n := strings.Count(file.String(), "CLIENT_RANDOM"); n != 1 {
		t.Errorf("%d lines: %s", n, &file)
	}
	alone := NewKeyLog()
	fmt.Fprint(alone, &file)
	play(t, NewOpener(alone, nil), again.cut(1460), false).check(t, again)
}
