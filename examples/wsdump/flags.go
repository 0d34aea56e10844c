package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/cli"
	"github.com/wstap/wstap/internal/escape"
	"github.com/wstap/wstap/websocket"
)

// options is the command line, parsed.
type options struct {
	iface string   // -i; "any" unless given
	read  string   // -r
	more  []string // further ones

	netns, container string // where to capture; empty: here
	write            string // -w
	filter           string // the remaining words, or the file of -F
	user             string // -Z
	inout            string // -Q: in, out, inout or empty
	count            uint64 // -c; 0 is no limit
	snaplen          int    // -s; 0 is the default
	buffer           int    // -B, KiB; 0 is the default

	filterFile bool // -F
	noPromisc  bool // -p
	list       bool // -D
	dump       int  // -d, -dd, -ddd
	quiet      bool // -q
	verbose    int  // -v
	whole      bool // -A
	hex        bool // -x
	ascii      bool // -X
	number     bool // -#
	line       bool // -l
	unbuf      bool // -U
	times      int  // number of -t
	nano       bool

	selection websocket.Selection
	selector  *websocket.Selector // made of selection; nil: all messages
	har       string              // --har
	extract   string              // --extract

	summary, pretty bool

	inOrder bool // one worker reads, whatever else is asked for

	keylogs []string        // --keylog
	keys    *decrypt.KeyLog // of them, and of the file of -r; nil: nothing is opened
	inFile  *fileSecrets    // of the file of -r; nil: it can hold none

	json, total, demo, print, follow, secrets, noTunnels, copies, websocket, help, version bool

	long
	memory
	pageOptions

	end  *ending // of the capture; nil where there is none
	page *page   // of --web; nil where there is none
}

// A usageError is a mistake on the command line: exit status 2.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// refuse answers a switch of tcpdump that says something about packets which
// wsdump, printing messages, cannot do.
func refuse(why string) func(*options, string) error {
	return func(*options, string) error { return errors.New(why) }
}

// nothing answers a switch of tcpdump whose wish wsdump always fulfils.
var nothing = cli.Nothing[options]

// nonEmpty keeps a value that is not empty.
func nonEmpty(field func(*options) *string) func(*options, string) error {
	return func(o *options, v string) error {
		*field(o) = v
		if v == "" {
			return errors.New("must not be empty")
		}
		return nil
	}
}

const packetsOnly = "is about packets, and wsdump prints messages: use tcpdump for it"

// table holds all switches.
var table = slices.Concat(switches, chooseOptions, longFlags, memoryFlags, namespaceFlags, pageFlags)

// switches holds the switches of wsdump and every letter of tcpdump 4.99, so that a
// habit is either served or answered in one line.
var switches = slices.Concat(ownOptions, tcpdumpOptions)

// ownOptions are what wsdump does, with tcpdump's letters where it has one for it.
var ownOptions = []cli.Option[options]{
	cli.Arg('i', "interface", nonEmpty(func(o *options) *string { return &o.iface })),
	cli.Arg('r', "", nonEmpty(func(o *options) *string {
		if o.read == "" {
			return &o.read
		}
		o.more = append(o.more, "")
		return &o.more[len(o.more)-1]
	})),
	cli.Arg('w', "", nonEmpty(func(o *options) *string { return &o.write })),
	cli.Arg('c', "", func(o *options, v string) (err error) {
		o.count, err = number[uint64](v, 1, math.MaxUint64)
		return err
	}),
	cli.Arg('s', "snapshot-length", func(o *options, v string) (err error) {
		o.snaplen, err = number(v, 0, maxSnaplen)
		return err
	}),
	cli.Arg('B', "buffer-size", func(o *options, v string) (err error) {
		o.buffer, err = number(v, 1, math.MaxInt32/1024)
		return err
	}),
	cli.Flag('p', "no-promiscuous-mode", cli.On(func(o *options) *bool { return &o.noPromisc })),
	cli.Arg('Q', "direction", func(o *options, v string) error {
		if !slices.Contains([]string{"in", "out", "inout"}, v) {
			return errors.New("must be in, out or inout")
		}
		o.inout = v
		return nil
	}),
	cli.Flag('D', "list-interfaces", cli.On(func(o *options) *bool { return &o.list })),
	cli.Flag('d', "", cli.Count(func(o *options) *int { return &o.dump })),
	cli.Flag('q', "", cli.On(func(o *options) *bool { return &o.quiet })),
	cli.Flag('v', "", cli.Count(func(o *options) *int { return &o.verbose })),
	cli.Flag('A', "", cli.On(func(o *options) *bool { return &o.whole })),
	cli.Flag('x', "", cli.On(func(o *options) *bool { return &o.hex })),
	cli.Flag('X', "", func(o *options, _ string) error { o.hex, o.ascii = true, true; return nil }),
	cli.Arg('Z', "relinquish-privileges", nonEmpty(func(o *options) *string { return &o.user })),
	cli.Arg('F', "", func(o *options, v string) error {
		b, err := os.ReadFile(v)
		o.filter, o.filterFile = string(b), true
		return err
	}),
	cli.Flag('#', "number", cli.On(func(o *options) *bool { return &o.number })),
	cli.Flag('l', "", cli.On(func(o *options) *bool { return &o.line })),
	cli.Flag('U', "packet-buffered", cli.On(func(o *options) *bool { return &o.unbuf })),
	cli.Flag('t', "", cli.Count(func(o *options) *int { return &o.times })),
	cli.Flag(0, "nano", cli.On(func(o *options) *bool { return &o.nano })),
	cli.Flag(0, "micro", cli.Off(func(o *options) *bool { return &o.nano })),
	cli.Arg(0, "time-stamp-precision", func(o *options, v string) error {
		o.nano = v == "nano"
		if v != "nano" && v != "micro" {
			return errors.New("must be micro or nano")
		}
		return nil
	}),
	cli.Arg(0, "keylog", func(o *options, v string) error {
		if v == "" {
			return errors.New("must not be empty")
		}
		o.keylogs = append(o.keylogs, v)
		return nil
	}),
	cli.Flag(0, "count", cli.On(func(o *options) *bool { return &o.total })),
	cli.Flag(0, "follow", cli.On(func(o *options) *bool { return &o.follow })),
	cli.Flag(0, "show-secrets", cli.On(func(o *options) *bool { return &o.secrets })),
	cli.Flag(0, "websocket", cli.On(func(o *options) *bool { return &o.websocket })),
	cli.Flag(0, "no-tunnels", cli.On(func(o *options) *bool { return &o.noTunnels })),
	cli.Flag(0, "copies", cli.On(func(o *options) *bool { return &o.copies })),
	cli.Flag(0, "demo", cli.On(func(o *options) *bool { return &o.demo })),
	cli.Flag(0, "print", cli.On(func(o *options) *bool { return &o.print })),
	cli.Flag(0, "summary", cli.On(func(o *options) *bool { return &o.summary })),
	cli.Flag(0, "pretty", cli.On(func(o *options) *bool { return &o.pretty })),
	cli.Arg(0, "har", func(o *options, v string) error {
		if o.har = v; v == "" || v == "-" {
			return errors.New("needs the name of a file")
		}
		return nil
	}),
	cli.Arg(0, "extract", nonEmpty(func(o *options) *string { return &o.extract })),
	cli.Flag('h', "help", cli.On(func(o *options) *bool { return &o.help })),
	cli.Flag(0, "version", cli.On(func(o *options) *bool { return &o.version })),
}

// tcpdumpOptions are the letters of tcpdump that change nothing, or are refused.
var tcpdumpOptions = []cli.Option[options]{
	cli.Flag('n', "", nothing), // addresses are never turned into names
	cli.Flag('N', "", nothing),
	cli.Flag('f', "", nothing),
	cli.Flag('K', "dont-verify-checksums", nothing), // checksums are never verified
	cli.Flag(0, "immediate-mode", nothing),          // messages are shown when they are complete

	cli.Flag('b', "", refuse(packetsOnly)),
	cli.Flag('e', "", refuse("(link-layer headers) "+packetsOnly)),
	cli.Arg('E', "", refuse("(IPsec secrets) is not supported")),
	cli.Flag('H', "", refuse("(802.11s) is not supported")),
	cli.Flag('I', "monitor-mode", refuse("(monitor mode) is not supported")),
	cli.Arg('j', "time-stamp-type", refuse("(time stamp type) is not supported")),
	cli.Flag('J', "list-time-stamp-types", refuse("(time stamp types) is not supported")),
	cli.Flag('L', "list-data-link-types", refuse("(data link types) is not supported")),
	cli.Arg('m', "", refuse(packetsOnly)),
	cli.Arg('M', "", refuse("(TCP-MD5 secrets) is not supported")),
	cli.Flag('O', "no-optimize", refuse("(unoptimized filter) is not supported")),
	cli.Flag('S', "absolute-tcp-sequence-numbers", refuse("(absolute sequence numbers) "+packetsOnly)),
	cli.Arg('T', "", refuse(packetsOnly)),
	cli.Flag('u', "", refuse(packetsOnly)),
	cli.Arg('V', "", refuse("(list of files) is not supported: give one file to -r")),
	cli.Arg('y', "linktype", refuse("(data link type) is not supported: every interface has one")),
}

const maxSnaplen = 262144 // tcpdump's MAXIMUM_SNAPLEN

func number[T int | uint64](v string, lo, hi T) (T, error) {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n < uint64(lo) || n > uint64(hi) {
		if uint64(hi) == math.MaxUint64 {
			return 0, fmt.Errorf("must be a number from %d", lo)
		}
		return 0, fmt.Errorf("must be a number from %d to %d", lo, hi)
	}
	return T(n), nil
}

// parse reads a command line.
func parse(args []string) (*options, error) {
	o := new(options)
	words, err := cli.Parse(o, table, args)
	if m := (*cli.Mistake)(nil); errors.As(err, &m) {
		return nil, misused(m)
	}
	if o.filterFile && len(words) > 0 {
		return nil, usagef("give a filter by -F or in words, not both")
	}
	if !o.filterFile {
		o.filter = strings.Join(words, " ")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.iface == "" {
		o.iface = capture.Any
	}
	return o, nil
}

// misused says what is wrong with an option, and what was probably meant.
func misused(m *cli.Mistake) error {
	option := quoteArg(m.Option)
	if m.Kind == cli.Ambiguous {
		return usagef("option %s is ambiguous: %s", option, strings.Join(m.Names, ", "))
	}
	meant := ""
	if len(m.Names) > 0 {
		meant = ": did you mean " + strings.Join(m.Names, " or ") + "?"
	}
	switch m.Kind {
	case cli.Unknown:
		return usagef("unknown option %s%s", option, meant)
	case cli.NoValue:
		return usagef("option %s needs a value%s", option, meant)
	case cli.Value:
		return usagef("option %s takes no value", option)
	}
	return usagef("option %s %v%s", option, m.Err, meant)
}

// check refuses combinations that contradict themselves.
func (o *options) check() error {
	switch {
	case o.help || o.version || o.list:
		return nil
	case o.read != "" && o.iface != "":
		return usagef("-i captures live and -r reads a file: give one of them")
	case o.demo && (o.read != "" || o.iface != ""):
		return usagef("--demo brings its own interface: leave out -i and -r")
	case o.netns != "" && o.container != "":
		return usagef("--netns and --container both say where to capture: give one of them")
	case (o.netns != "" || o.container != "") && (o.read != "" || o.demo):
		return usagef("--netns and --container are for live captures: leave out -r and --demo")
	case o.follow && o.read == "":
		return usagef("--follow waits for a growing file: name it with -r")
	case o.summary && o.total:
		return usagef("--count prints one number and --summary a line a connection: give one of them")
	case o.summary && o.count > 0:
		return usagef("-c ends after messages, and --summary shows none: leave out one of them")
	case o.json && o.total:
		return usagef("--count prints one number and --json every message: give one of them")
	case o.write == "-" && (o.print || o.total || o.json) && o.jsonFile == "":
		return usagef("-w - writes packets to standard output: messages cannot go there as well")
	case o.write != "" && o.json && o.jsonFile == "" && !o.print:
		return usagef("-w saves packets and prints no messages: add --print to have those of --json as well")
	case o.web && o.json && o.jsonFile == "" && !o.print:
		return usagef("--web shows messages in its page: add --print to have those of --json as well")
	case o.webMemory > 0 && !o.web:
		return usagef("--web-memory belongs to --web")
	case o.read == "-" && slices.Contains(o.keylogs, "-"):
		return usagef("-r - and --keylog - cannot both read standard input")
	case o.times > 5:
		return usagef("at most five -t")
	}
	return o.checkLong()
}

// quoteArg shows an argument of the user in an error message.
func quoteArg(s string) string { return escape.String(s) }
