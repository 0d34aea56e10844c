package main

import (
	"errors"
	"fmt"

	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/cli"
)

// accessHelp is what the commands that go to an engine share.
const accessHelp = `
Which engine
  --nats URL  a server of NATS, several with commas between (default nats://127.0.0.1:4222)
  --kafka BROKER,..
              brokers of Kafka, in its place; --topic NAME (default wstap)
  --creds FILE, --nkey FILE
              credentials of NATS: a JWT with its seed, or a seed
  --user NAME, --password-file FILE
              a name and its password, of NATS or of SASL
  --sasl MECHANISM
              plain, scram-sha-256 or scram-sha-512 (Kafka)
  --tls, --tls-ca FILE, --tls-cert FILE, --tls-key FILE, --tls-name NAME
              TLS: with the system's authorities or a file's, with a certificate of our own
`

// accessOptions are the options of an engine.Access in a T.
func accessOptions[T any](of func(*T) *engine.Access) []cli.Option[T] {
	text := func(name string, field func(*engine.Access) *string) cli.Option[T] {
		return cli.Arg(0, name, func(t *T, v string) error {
			*field(of(t)) = v
			if v == "" {
				return errors.New("must not be empty")
			}
			return nil
		})
	}
	return []cli.Option[T]{
		text("nats", func(a *engine.Access) *string { return &a.NATS }),
		text("kafka", func(a *engine.Access) *string { return &a.Kafka }),
		text("topic", func(a *engine.Access) *string { return &a.Topic }),
		text("creds", func(a *engine.Access) *string { return &a.Creds }),
		text("nkey", func(a *engine.Access) *string { return &a.NKey }),
		text("user", func(a *engine.Access) *string { return &a.User }),
		text("password-file", func(a *engine.Access) *string { return &a.PasswordFile }),
		text("sasl", func(a *engine.Access) *string { return &a.SASL }),
		text("tls-ca", func(a *engine.Access) *string { return &a.CA }),
		text("tls-cert", func(a *engine.Access) *string { return &a.Cert }),
		text("tls-key", func(a *engine.Access) *string { return &a.Key }),
		text("tls-name", func(a *engine.Access) *string { return &a.TLSServerName }),
		cli.Flag(0, "tls", cli.On(func(t *T) *bool { return &of(t).TLS })),
	}
}

// checkAccess refuses what contradicts itself, and fills in the default.
func checkAccess(a *engine.Access) error {
	switch {
	case a.NATS != "" && a.Kafka != "":
		return usagef("--nats and --kafka are two engines: give one of them")
	case a.Kafka != "" && (a.Creds != "" || a.NKey != ""):
		return usagef("--creds and --nkey are of NATS: --user, --password-file and --sasl are what Kafka knows")
	case a.Kafka == "" && (a.SASL != "" || a.Topic != ""):
		return usagef("--sasl and --topic are of Kafka")
	case a.User == "" && (a.PasswordFile != "" || a.SASL != ""):
		return usagef("--password-file and --sasl need --user")
	}
	if a.NATS == "" && a.Kafka == "" {
		a.NATS = engine.DefaultNATS
	}
	return nil
}

// where is what the user calls the engine.
func where(a *engine.Access) string {
	if a.Kafka != "" {
		return "kafka " + a.Kafka
	}
	return a.SafeURL()
}

// An usageError is a mistake on the command line: exit status 2.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }
