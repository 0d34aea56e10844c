package decrypt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// What a line of a key log is.
type lineKind uint8

const (
	lineBad     lineKind = iota // none that is known to be possible
	lineEmpty                   // or a comment
	lineOther                   // a label that is of no use here
	lineSecret                  // a secret by client random
	lineSession                 // a secret by something else
)

// A line is one line of a key log.
type line struct {
	kind   lineKind
	label  label
	random random
	secret secret
}

// parseLine reads a line without its end:
//
//	LABEL <client random> <secret>                    RFC 9850, section 1
//	RSA <8 bytes of the encrypted premaster secret> <premaster secret>
//	RSA Session-ID:<id> Master-Key:<master secret>
func parseLine(b []byte) (l line) {
	b = bytes.TrimRight(b, " \t\r")
	if len(b) == 0 || b[0] == '#' {
		return line{kind: lineEmpty}
	}
	name, rest, ok := bytes.Cut(b, []byte{' '})
	first, second, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || len(name) == 0 {
		return line{}
	}
	if string(name) == "RSA" {
		return parseRSA(first, second)
	}
	l.label = labels[string(name)]
	if l.label == noLabel {
		if !isHex(first) || !isHex(second) || !isLabel(name) {
			return line{}
		}
		return line{kind: lineOther}
	}
	if len(first) != 2*randomLen || !l.setSecret(second) {
		return line{}
	}
	if _, err := hex.Decode(l.random[:], first); err != nil {
		return line{}
	}
	l.kind = lineSecret
	return l
}

func parseRSA(first, second []byte) (l line) {
	by, value := first, second
	kind := byPremaster
	l.label = premasterSecret
	if id, ok := bytes.CutPrefix(first, []byte("Session-ID:")); ok {
		key, ok := bytes.CutPrefix(second, []byte("Master-Key:"))
		if !ok || len(id) > 64 {
			return line{}
		}
		by, value, kind, l.label = id, key, bySession, masterSecret
	} else if len(first) != 16 {
		return line{}
	}
	var raw [32]byte
	n, err := hex.Decode(raw[:], by)
	if err != nil || n == 0 || len(value) != 2*masterLen || !l.setSecret(value) {
		return line{}
	}
	l.random = lookupBy(kind, raw[:n])
	l.kind = lineSession
	return l
}

// setSecret reads the hexadecimal digits of a secret that fits the label.
func (l *line) setSecret(digits []byte) bool {
	if len(digits) != 2*masterLen && (len(digits) != 2*32 || l.label == masterSecret) {
		return false
	}
	n, err := hex.Decode(l.secret.b[:], digits)
	l.secret.n = uint8(n)
	return err == nil
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return len(b) > 0 && len(b)%2 == 0
}

func isLabel(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// What secrets are looked up by besides client randoms.
const (
	bySession   = "session id"
	byTicket    = "ticket"
	byPremaster = "premaster"
)

// lookupBy makes a random of something else to look secrets up by.
func lookupBy(kind string, b []byte) random {
	h := sha256.New()
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write(b)
	var r random
	h.Sum(r[:0])
	return r
}
