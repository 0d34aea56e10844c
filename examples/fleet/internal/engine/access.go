package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// DefaultNATS is where a server is looked for.
const DefaultNATS = nats.DefaultURL

// Access says where an engine is and who asks. Secrets are read from files, for who lists
// processes sees command lines.
type Access struct {
	NATS  string // URLs with commas between
	Kafka string // brokers with commas between; not both
	Topic string // of Kafka
	Plain bool   // a tap's batches are not packed (NATS)

	Creds        string // file of a JWT and its seed (NATS)
	NKey         string // file of a seed (NATS)
	User         string
	PasswordFile string
	SASL         string // plain, scram-sha-256 or scram-sha-512 (Kafka)

	TLS           bool   // also where no file is named, with the system's authorities
	CA, Cert, Key string // files, PEM
	TLSServerName string // empty: that of the address
}

// SafeURL is where NATS is, without passwords.
func (a *Access) SafeURL() string {
	var list []string
	for s := range strings.SplitSeq(a.NATS, ",") {
		if u, err := url.Parse(strings.TrimSpace(s)); err == nil {
			s = u.Redacted()
		}
		list = append(list, s)
	}
	return strings.Join(list, ",")
}

// password returns the contents of the file, without the end of its line.
func (a *Access) password() (string, error) {
	if a.PasswordFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(a.PasswordFile)
	return strings.TrimRight(string(b), "\r\n"), err
}

// tls returns nil where none is asked for.
func (a *Access) tls() (*tls.Config, error) {
	if !a.TLS && a.CA == "" && a.Cert == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.TLSServerName}
	if a.CA != "" {
		pem, err := os.ReadFile(a.CA)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", a.CA)
		}
	}
	if (a.Cert == "") != (a.Key == "") {
		return nil, errors.New("a certificate and its key belong together: --tls-cert and --tls-key")
	}
	if a.Cert != "" {
		if _, err := tls.LoadX509KeyPair(a.Cert, a.Key); err != nil {
			return nil, err
		}
		// Read anew for each connection: certificates are renewed while taps run.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(a.Cert, a.Key)
			return &c, err
		}
	}
	return cfg, nil
}

func (a *Access) natsOptions() ([]nats.Option, error) {
	var opts []nats.Option
	cfg, err := a.tls()
	if err != nil {
		return nil, err
	}
	if cfg != nil {
		opts = append(opts, nats.Secure(cfg))
	}
	if a.Creds != "" {
		if _, err := os.Stat(a.Creds); err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserCredentials(a.Creds))
	}
	if a.NKey != "" {
		o, err := nats.NkeyOptionFromSeed(a.NKey)
		if err != nil {
			return nil, err
		}
		opts = append(opts, o)
	}
	if a.User != "" {
		if _, err := a.password(); err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserInfoHandler(func() (string, string) {
			p, _ := a.password() // was readable; what a server says of an empty one is told
			return a.User, p
		}))
	}
	return opts, nil
}

func (a *Access) kafkaOptions() ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(strings.Split(a.Kafka, ",")...)}
	cfg, err := a.tls()
	if err != nil {
		return nil, err
	}
	if cfg != nil {
		opts = append(opts, kgo.DialTLSConfig(cfg))
	}
	if a.SASL == "" {
		return opts, nil
	}
	pass, err := a.password()
	if err != nil {
		return nil, err
	}
	var m sasl.Mechanism
	switch a.SASL {
	case "plain":
		m = plain.Auth{User: a.User, Pass: pass}.AsMechanism()
	case "scram-sha-256":
		m = scram.Auth{User: a.User, Pass: pass}.AsSha256Mechanism()
	case "scram-sha-512":
		m = scram.Auth{User: a.User, Pass: pass}.AsSha512Mechanism()
	default:
		return nil, fmt.Errorf("no SASL mechanism %q: plain, scram-sha-256 or scram-sha-512", a.SASL)
	}
	return append(opts, kgo.SASL(m)), nil
}
