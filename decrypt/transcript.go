package decrypt

import (
	"crypto"

	"github.com/wstap/wstap/reassembly"
)

// maxTranscript bounds what is kept of a handshake's messages.
const maxTranscript = 1 << 16

// A transcript keeps the messages of a handshake up to the ClientKeyExchange, of
// whose hash the extended master secret is made (RFC 7627, section 3). Only a
// premaster secret asks for it, and so it is dropped where that is not encrypted for
// the server.
type transcript struct {
	said  [2][]byte
	hello int // length of the ClientHello
	end   int // of the client's messages up to the ClientKeyExchange
	off   bool
}

// add adds a piece of a message, or its end where typ is that of the message.
func (x *transcript) add(dir reassembly.Direction, b []byte, typ byte) {
	if x.off || x.end > 0 {
		return
	}
	if len(x.said[dir])+len(b) > maxTranscript {
		x.drop()
		return
	}
	x.said[dir] = append(x.said[dir], b...)
	switch {
	case dir != reassembly.FromClient:
	case typ == typeClientHello:
		x.hello = len(x.said[dir])
	case typ == typeClientKeyExchange:
		x.end = len(x.said[dir])
	}
}

func (x *transcript) drop() { *x = transcript{off: true} }

// sum returns the hash of the messages.
func (x *transcript) sum(hash crypto.Hash) ([]byte, bool) {
	if x.end == 0 || x.hello == 0 {
		return nil, false
	}
	client := x.said[reassembly.FromClient]
	h := hash.New()
	h.Write(client[:x.hello])
	h.Write(x.said[reassembly.FromServer])
	h.Write(client[x.hello:x.end])
	return h.Sum(nil), true
}
