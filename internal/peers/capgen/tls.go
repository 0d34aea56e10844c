package capgen

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/wstap/wstap/internal/packetgen"
)

// KeyLog is the name of the key log of a capture that Create wrote.
func KeyLog(name string) string { return name + ".keys" }

// A secured is a TLS 1.3 connection whose ends have no network between them: what they
// write is taken.
type secured struct {
	ends [2]*tls.Conn // by Side

	mu          sync.Mutex
	taken       []taken
	established bool
}

type taken struct {
	from packetgen.Side
	data []byte
}

// A wire is what an end writes to and reads from.
type wire struct {
	net.Conn
	s    *secured
	from packetgen.Side
}

func (w wire) Write(b []byte) (int, error) {
	w.s.mu.Lock()
	w.s.taken = append(w.s.taken, taken{w.from, bytes.Clone(b)})
	w.s.mu.Unlock()
	if w.s.established {
		return len(b), nil
	}
	return w.Conn.Write(b)
}

// secure shakes hands, and returns what passed.
func secure(keys io.Writer) (*secured, []taken, error) {
	cert, err := certificate()
	if err != nil {
		return nil, nil, err
	}
	s := new(secured)
	client, server := net.Pipe()
	s.ends[packetgen.Client] = tls.Client(wire{client, s, packetgen.Client}, &tls.Config{
		InsecureSkipVerify: true, ServerName: "chat.example", NextProtos: []string{"http/1.1"},
		MinVersion: tls.VersionTLS13, KeyLogWriter: keys, DynamicRecordSizingDisabled: true})
	s.ends[packetgen.Server] = tls.Server(wire{server, s, packetgen.Server}, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"},
		SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true})
	done := make(chan error, 1)
	go func() { done <- s.ends[packetgen.Server].Handshake() }()
	if err := s.ends[packetgen.Client].Handshake(); err != nil {
		return nil, nil, err
	}
	if err := <-done; err != nil {
		return nil, nil, err
	}
	passed := s.taken
	s.established = true
	return s, passed, nil
}

// seal returns the records that a side sends for b.
func (s *secured) seal(from packetgen.Side, b []byte) ([]byte, error) {
	s.taken = s.taken[:0]
	if _, err := s.ends[from].Write(b); err != nil {
		return nil, err
	}
	var records []byte
	for _, k := range s.taken {
		records = append(records, k.data...)
	}
	return records, nil
}

var certificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"chat.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})
