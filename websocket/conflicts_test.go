package websocket

import (
	"bytes"
	"fmt"
	"github.com/wstap/wstap/internal/http2"
	"testing"

	"github.com/wstap/wstap/reassembly"
)

// handshaken returns a recorder behind an opening handshake, and the offset of
// the server's next byte.
func handshaken() (*recorder, int64) {
	r := newRecorder(nil)
	r.data(FromClient, []byte(request))
	r.data(FromServer, []byte(response))
	return r, int64(len(response))
}

// TestConflicts: a message is flagged wherever in it, headers included, bytes
// were seen twice, and whatever stands between its fragments.
func TestConflicts(t *testing.T) {
	parts := [][]byte{testFrame(FromServer, 0x01, []byte("one")), testFrame(FromServer, 0x89, []byte("?")), testFrame(FromServer, 0x80, []byte("two"))}
	all := bytes.Join(parts, nil)
	for at := range all {
		for _, before := range []bool{true, false} { // of the bytes or of what follows them
			r, offset := handshaken()
			r.data(FromServer, testFrame(FromServer, 0x82, nil))
			offset += 2
			if before {
				r.c.Conflict(FromServer, offset+int64(at), 1, r.now)
			}
			r.data(FromServer, all[:at+1])
			if !before && at+1 < len(all) {
				r.c.Conflict(FromServer, offset+int64(at), 1, r.now)
			}
			r.data(FromServer, all[at+1:])
			r.data(FromServer, testFrame(FromServer, 0x82, nil))
			flagged := func(b bool) string {
				if b {
					return " conflict"
				}
				return ""
			}
			ping := at >= len(parts[0]) && at < len(parts[0])+len(parts[1]) && (before || at+1 < len(parts[0])+len(parts[1]))
			r.want(t, "open 101 ws://example.com:7272/chat?room=1", `server binary ""`,
				`server ping "?"`+flagged(ping), `server text "onetwo"`+flagged(before || at+1 < len(all))+" frames=2", `server binary ""`)
		}
	}
}

// TestManyConflicts: what is too much to be remembered apart is not forgotten.
func TestManyConflicts(t *testing.T) {
	r, offset := handshaken()
	var all []byte
	for i := range 100 {
		r.c.Conflict(FromServer, offset+int64(len(all))+2, 1, r.now)
		all = append(all, testFrame(FromServer, 0x81, fmt.Append(nil, i))...)
	}
	r.data(FromServer, all)
	r.c.Closed(reassembly.EOF, r.now)
	for _, m := range r.msgs {
		if !m.Conflict {
			t.Errorf("%s is not flagged", m.Text())
		}
	}
}

// TestHTTP2Conflict: of a stream of HTTP/2, too.
func TestHTTP2Conflict(t *testing.T) {
	cl, sv := newH2Side(), newH2Side()
	cl.buf.WriteString(http2.PrefaceLine + "\r\n\r\n" + http2.PrefaceRest)
	cl.settings()
	sv.settings(settingEnableConnect, 1)
	cl.headers(1, false, connect(1)...)
	sv.headers(1, false, ":status", "200")
	r := newRecorder(nil)
	r.data(FromClient, cl.take())
	b := sv.take()
	r.data(FromServer, b)
	at := int64(len(b))
	for i := range 4 {
		sv.data(1, false, testFrame(FromServer, 0x81, fmt.Append(nil, "message ", i)), 0)
		b = sv.take()
		switch i {
		case 1: // in what is to come
			r.c.Conflict(FromServer, at+15, 2, r.now)
			r.data(FromServer, b)
		case 2: // in what has come
			r.data(FromServer, b[:17])
			r.c.Conflict(FromServer, at+15, 2, r.now)
			r.data(FromServer, b[17:])
		default:
			r.data(FromServer, b)
		}
		at += int64(len(b))
	}
	r.want(t, "open 200 ws://example.com/chat1", `server text "message 0"`, `server text "message 1" conflict`, `server text "message 2" conflict`, `server text "message 3"`)
}
