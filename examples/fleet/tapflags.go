package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/limits"
	"github.com/wstap/wstap/websocket"
)

const tapHelp = `fleet tap captures WebSocket messages and sends them to an engine.

  fleet tap [options] [filter]
  wsdump --json ... | fleet tap -r -

The filter and the letters are those of wsdump and tcpdump: fleet tap -i eth0 port 7272

Where from, as in wsdump
  -i IFACE    interface, several with commas between (default any)
  -r FILE     a capture file, or one of wsdump --json; - is standard input; repeatable
  --follow    with -r, wait for more at the end of the file
  --keylog FILE
              open TLS with the secrets in FILE; repeatable; - is standard input
  -F FILE     take the filter from a file
  -s LEN, -B KIB, -p, -Q DIR
              snapshot length, size of the ring, not promiscuous, in or out
  --netns NAME, --container ID
              capture in another network namespace
  --no-tunnels, --copies, --websocket
              do not look into tunnels; show a connection at every place; what passes
              the filter is WebSocket
  --duration D
              end after D (90s, 10m)
  --memory SIZE, --max-message SIZE
              what decoding makes do with. A message longer than the engine takes is
              cut and flagged truncated

Which messages, as in wsdump
  --match RE, --not-match RE, --only LIST, --from SIDE, --url RE

What is sent
  --name NAME this tap's, unique in the fleet (default the host's name)
  --show-secrets
              cookies, credentials and tokens of the handshake (otherwise ***)
  --no-payloads
              no payloads
  --linger D  the longest that an event waits for others, to go in one batch (default 100ms)
  --plain     lines of JSON as they are (otherwise packed by Snappy: a sixth; NATS)
  --spool DIR where messages wait while the engine is gone (default $STATE_DIRECTORY, or
              one of the user's)
  --spool-size SIZE
              how many at most (default 1G; 0 is no spool: what does not fit into 16M of
              memory is lost, and counted)
  --metrics HOST:PORT
              counters for Prometheus on /metrics
` + accessHelp

type tapOptions struct {
	engine.Access

	iface              string
	read               []string
	follow             bool
	keylogs            []string
	filter             string
	filterFile         bool
	snaplen, buffer    int
	noPromisc          bool
	inout              string
	netns, container   string
	noTunnels, copies  bool
	websocket          bool
	duration           time.Duration
	memory, maxMessage int64

	selection websocket.Selection
	selector  *websocket.Selector

	name        string
	secrets     bool
	noPayloads  bool
	linger      time.Duration // 0 is the default
	spoolDir    string
	spoolSize   int64
	metricsAddr string

	listening func() // told that the capture has begun; nil: nobody
	ended     func() // told of each End; nil: nobody
	quiet     bool   // tells no more than what went wrong
}

func nonEmpty(field func(*tapOptions) *string) func(*tapOptions, string) error {
	return func(o *tapOptions, v string) error {
		*field(o) = v
		if v == "" {
			return errors.New("must not be empty")
		}
		return nil
	}
}

func number(field func(*tapOptions) *int, most int) func(*tapOptions, string) error {
	return func(o *tapOptions, v string) error {
		n, err := strconv.Atoi(v)
		if *field(o) = n; err != nil || n < 0 || n > most {
			return fmt.Errorf("must be a number up to %d", most)
		}
		return nil
	}
}

func size(field func(*tapOptions) *int64) func(*tapOptions, string) error {
	return func(o *tapOptions, v string) (err error) {
		*field(o), err = limits.Size(v)
		return err
	}
}

func list(field func(*tapOptions) *[]string) func(*tapOptions, string) error {
	return func(o *tapOptions, v string) error {
		if v == "" {
			return errors.New("must not be empty")
		}
		*field(o) = append(*field(o), v)
		return nil
	}
}

var tapTable = append([]cli.Option[tapOptions]{
	cli.Arg('i', "interface", nonEmpty(func(o *tapOptions) *string { return &o.iface })),
	cli.Arg('r', "", list(func(o *tapOptions) *[]string { return &o.read })),
	cli.Flag(0, "follow", cli.On(func(o *tapOptions) *bool { return &o.follow })),
	cli.Arg(0, "keylog", list(func(o *tapOptions) *[]string { return &o.keylogs })),
	cli.Arg('F', "", func(o *tapOptions, v string) error {
		b, err := os.ReadFile(v)
		o.filter, o.filterFile = string(b), true
		return err
	}),
	cli.Arg('s', "snapshot-length", number(func(o *tapOptions) *int { return &o.snaplen }, 262144)),
	cli.Arg('B', "buffer-size", number(func(o *tapOptions) *int { return &o.buffer }, math.MaxInt32/1024)),
	cli.Flag('p', "no-promiscuous-mode", cli.On(func(o *tapOptions) *bool { return &o.noPromisc })),
	cli.Arg('Q', "direction", func(o *tapOptions, v string) error {
		if o.inout = v; v != "in" && v != "out" && v != "inout" {
			return errors.New("must be in, out or inout")
		}
		return nil
	}),
	cli.Flag('n', "", cli.Nothing[tapOptions]), // addresses are never looked up
	cli.Arg(0, "netns", nonEmpty(func(o *tapOptions) *string { return &o.netns })),
	cli.Arg(0, "container", nonEmpty(func(o *tapOptions) *string { return &o.container })),
	cli.Flag(0, "no-tunnels", cli.On(func(o *tapOptions) *bool { return &o.noTunnels })),
	cli.Flag(0, "copies", cli.On(func(o *tapOptions) *bool { return &o.copies })),
	cli.Flag(0, "websocket", cli.On(func(o *tapOptions) *bool { return &o.websocket })),
	cli.Arg(0, "duration", func(o *tapOptions, v string) (err error) {
		o.duration, err = time.ParseDuration(v)
		if err != nil || o.duration <= 0 {
			return errors.New("must be a time such as 90s, 10m or 8h")
		}
		return nil
	}),
	cli.Arg(0, "memory", size(func(o *tapOptions) *int64 { return &o.memory })),
	cli.Arg(0, "max-message", size(func(o *tapOptions) *int64 { return &o.maxMessage })),
	cli.Arg(0, "name", nonEmpty(func(o *tapOptions) *string { return &o.name })),
	cli.Flag(0, "show-secrets", cli.On(func(o *tapOptions) *bool { return &o.secrets })),
	cli.Flag(0, "no-payloads", cli.On(func(o *tapOptions) *bool { return &o.noPayloads })),
	cli.Arg(0, "linger", func(o *tapOptions, v string) (err error) {
		o.linger, err = time.ParseDuration(v)
		if err != nil || o.linger < time.Millisecond || o.linger > time.Minute {
			return errors.New("must be a time from 1ms to 1m")
		}
		return nil
	}),
	cli.Flag(0, "plain", cli.On(func(o *tapOptions) *bool { return &o.Plain })),
	cli.Arg(0, "spool", nonEmpty(func(o *tapOptions) *string { return &o.spoolDir })),
	cli.Arg(0, "spool-size", func(o *tapOptions, v string) (err error) {
		if o.spoolSize, err = limits.Size(v); v == "0" {
			o.spoolSize, err = 0, nil
		}
		return err
	}),
	cli.Arg(0, "metrics", nonEmpty(func(o *tapOptions) *string { return &o.metricsAddr })),
}, append(chooseOptions(func(o *tapOptions) *chosen { return &chosen{&o.selection, &o.selector} }),
	accessOptions(func(o *tapOptions) *engine.Access { return &o.Access })...)...)

// chosen is a selection and what it compiles to.
type chosen struct {
	selection *websocket.Selection
	selector  **websocket.Selector
}

// chooseOptions say which messages are wanted.
func chooseOptions[T any](of func(*T) *chosen) []cli.Option[T] {
	option := func(name string, change func(*websocket.Selection, string) error) cli.Option[T] {
		return cli.Arg(0, name, func(t *T, v string) (err error) {
			c := of(t)
			if err := change(c.selection, v); err != nil {
				return err
			}
			*c.selector, err = c.selection.Compile()
			return err
		})
	}
	return []cli.Option[T]{
		option("match", func(s *websocket.Selection, v string) error { s.Match = append(s.Match, v); return nil }),
		option("not-match", func(s *websocket.Selection, v string) error { s.NotMatch = append(s.NotMatch, v); return nil }),
		option("only", func(s *websocket.Selection, v string) error {
			s.Only = append(s.Only, strings.Split(v, ",")...)
			return nil
		}),
		option("url", func(s *websocket.Selection, v string) error { s.URLs = append(s.URLs, v); return nil }),
		option("from", func(s *websocket.Selection, v string) error {
			for _, dir := range []websocket.Direction{websocket.FromClient, websocket.FromServer} {
				if v == dir.String() {
					s.From = append(s.From, dir)
					return nil
				}
			}
			return errors.New("must be client or server")
		}),
	}
}

// parseTap reads the command line of fleet tap; nil where its help was shown.
func parseTap(args []string) (*tapOptions, error) {
	o := &tapOptions{spoolSize: 1 << 30}
	words, helped, err := parse(o, tapHelp, tapTable, args)
	if helped || err != nil {
		return nil, err
	}
	switch {
	case o.filterFile && len(words) > 0:
		return nil, usagef("give a filter by -F or in words, not both")
	case len(o.read) > 0 && o.iface != "":
		return nil, usagef("-i captures live and -r reads a file: give one of them")
	case o.netns != "" && o.container != "":
		return nil, usagef("--netns and --container both say where to capture: give one of them")
	case (o.netns != "" || o.container != "") && len(o.read) > 0:
		return nil, usagef("--netns and --container are for live captures: leave out -r")
	case o.follow && len(o.read) != 1:
		return nil, usagef("--follow waits for a growing file: name one with -r")
	case o.spoolSize > 0 && o.spoolSize < 1<<20:
		return nil, usagef("--spool-size must be 1M or more, or 0")
	case o.memory > 0 && o.memory < limits.Least:
		return nil, usagef("--memory must be 16M or more")
	}
	if !o.filterFile {
		o.filter = strings.Join(words, " ")
	}
	if o.iface == "" {
		o.iface = capture.Any
	}
	return o, o.complete()
}

// complete fills in what has defaults.
func (o *tapOptions) complete() error {
	if err := checkAccess(&o.Access); err != nil {
		return err
	}
	if o.name == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("%w: give a --name", err)
		}
		o.name = strings.ReplaceAll(host, ".", "-")
	}
	if err := batch.CheckName(o.name); err != nil {
		return usagef("--name: %v", err)
	}
	if o.spoolDir == "" && o.spoolSize > 0 {
		dir := os.Getenv("STATE_DIRECTORY") // of systemd
		if dir == "" {
			cache, err := os.UserCacheDir()
			if err != nil {
				return usagef("no directory for what waits: give --spool DIR, or --spool-size 0")
			}
			dir = filepath.Join(cache, "wstap-fleet")
		}
		o.spoolDir = filepath.Join(dir, o.name)
	}
	return nil
}
