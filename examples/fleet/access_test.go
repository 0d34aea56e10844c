package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
)

// certificates writes a CA and a certificate of it for 127.0.0.1.
func certificates(t testing.TB) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, template, template, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, template, &leafKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return write("ca.pem", "CERTIFICATE", caDER), write("cert.pem", "CERTIFICATE", leafDER), write("key.pem", "EC PRIVATE KEY", keyDER)
}

func passwordFile(t testing.TB, password string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(name, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPermissions runs the server that deploy/fleet/nats.conf describes: in TLS, taps may
// publish under their own name alone, and readers read.
func TestPermissions(t *testing.T) {
	ca, cert, key := certificates(t)
	example, err := os.ReadFile("../../deploy/fleet/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	addr := freePort(t)
	conf := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(conf, bytes.Replace(example, []byte("0.0.0.0:4222"), []byte(addr), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"NODE_1_PASSWORD": "one-secret", "READER_PASSWORD": "two-secret", "ADMIN_PASSWORD": "three-secret",
		"SERVER_NAME": "s", "STORE": t.TempDir(), "TLS_CERT": cert, "TLS_KEY": key, "TLS_CA": ca} {
		t.Setenv(name, value)
	}
	p := fleet(t, "serve", "--config", conf)
	until(t, "engine", func() bool { return strings.Contains(p.errs.String(), "serving") })

	as := func(user, password string) engine.Access {
		return engine.Access{NATS: "tls://" + addr, CA: ca, User: user, PasswordFile: passwordFile(t, password)}
	}
	admin, reader, tap := as("admin", "three-secret"), as("reader", "two-secret"), as("node-1", "one-secret")
	stream := fleet(t, "stream", "--nats", admin.NATS, "--tls-ca", ca, "--user", "admin", "--password-file", admin.PasswordFile)
	if err := stream.Wait(); err != nil {
		t.Fatal(stream.errs.String())
	}

	runTaps(t, tapOf(t, tap, "node-1", recording(t, 2, 20)))()
	out, _ := readAll(t, reader)
	checkOnce(t, events(t, out), []string{"node-1"}, 2, 20)

	// A tap under another's name, with its own credentials.
	other, err := engine.DialNATS(&tap, "node-1", true)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	refused := func(who *engine.NATS, name string) {
		t.Helper()
		done := make(chan error, 1)
		who.Publish(&batch.Batch{Tap: name, Boot: "x", Port: 80, Kind: batch.Message, First: 1, N: 1, Lines: []byte("{}\n")}, func(err error) { done <- err })
		if err := <-done; err == nil || !strings.Contains(strings.ToLower(err.Error()), "permission") {
			t.Errorf("published as %s: %v", name, err)
		}
	}
	refused(other, "node-2")
	if _, err := other.Read(canceledSoon(t, time.Second), engine.Reading{Beginning: true, Once: true}); err == nil || !strings.Contains(strings.ToLower(err.Error()), "permission") {
		t.Error("a tap reads:", err)
	}
	who, err := engine.DialNATS(&reader, "", true)
	if err != nil {
		t.Fatal(err)
	}
	defer who.Close()
	refused(who, "node-1")

	// A wrong password, an unknown authority, and none: told, and without the password.
	wrong, unknown := as("node-1", "wrong-secret"), as("node-1", "one-secret")
	unknown.CA = ""
	otherCA, _, _ := certificates(t)
	foreign := as("node-1", "one-secret")
	foreign.CA = otherCA
	for name, a := range map[string]engine.Access{"wrong": wrong, "unknown": unknown, "foreign": foreign} {
		n, err := engine.DialNATS(&a, "x", true)
		if err == nil {
			n.Close()
			t.Errorf("%s: connected", name)
		} else if strings.Contains(err.Error(), "-secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out, _ := readAll(t, reader); len(events(t, out)) != 26 {
		t.Errorf("%d events", len(events(t, out)))
	}
}

// TestClientCertificate: a server that wants one gets one.
func TestClientCertificate(t *testing.T) {
	ca, cert, key := certificates(t)
	s, err := (&serveOptions{listen: "127.0.0.1:0", store: t.TempDir(), cert: cert, key: key, ca: ca}).start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	access := engine.Access{NATS: s.ClientURL(), CA: ca}
	if n, err := engine.DialNATS(&access, "", true); err == nil {
		n.Close()
		t.Error("connected without a certificate")
	}
	access.Cert, access.Key = cert, key
	runTaps(t, tapOf(t, access, "a", recording(t, 1, 10)))()
	if _, counts := readAll(t, access); counts.messages != 10 {
		t.Errorf("%+v", counts)
	}
}

// TestKafkaAccess: TLS and SASL.
func TestKafkaAccess(t *testing.T) {
	ca, cert, key := certificates(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for sasl, method := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}),
			kfake.EnableSASL(), kfake.Superuser(method, "me", "a-secret"))
		if err != nil {
			t.Fatal(err)
		}
		access := engine.Access{Kafka: strings.Join(c.ListenAddrs(), ","), CA: ca, User: "me", PasswordFile: passwordFile(t, "a-secret"), SASL: sasl}
		k, err := engine.DialKafka(&access)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.MakeTopic(t.Context(), &access, 4, 1); err != nil {
			t.Errorf("%s: %v", sasl, err)
		}
		if err := k.MakeTopic(t.Context(), &access, 4, 1); err != nil {
			t.Errorf("again: %v", err)
		}
		k.Close()
		access.PasswordFile = passwordFile(t, "wrong")
		if _, err := engine.ReadKafka(canceledSoon(t, 2*time.Second), &access, engine.Reading{Beginning: true}); err == nil {
			t.Errorf("%s: read with a wrong password", sasl)
		}
		c.Close()
	}
}
