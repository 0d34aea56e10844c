package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/internal/cli"
)

// config is the command line.
type config struct {
	options
	iface, read, write, filterFile, linkType string
	count                                    uint64
	snapLen, bufferKiB                       int
	dump                                     int // -d
	list, help, version, countOnly, print    bool
	lineBuffered, packetBuffered             bool
	noPromiscuous                            bool
	direction                                capture.Direction
	expr                                     string
}

// errUsage asks for the usage text.
var errUsage = errors.New("usage")

var flagTable = []cli.Option[config]{
	cli.Flag('A', "", cli.Count(func(c *config) *int { return &c.A })),
	cli.Arg('B', "buffer-size", func(c *config, arg string) error {
		return positive(&c.bufferKiB, arg, "packet buffer size")
	}),
	cli.Arg('c', "", func(c *config, arg string) error {
		var n int
		err := positive(&n, arg, "packet count")
		c.count = uint64(n)
		return err
	}),
	cli.Flag('d', "", cli.Count(func(c *config) *int { return &c.dump })),
	cli.Flag('D', "list-interfaces", cli.On(func(c *config) *bool { return &c.list })),
	cli.Flag('e', "", cli.On(func(c *config) *bool { return &c.e })),
	cli.Arg('F', "", cli.Keep(func(c *config) *string { return &c.filterFile })),
	cli.Flag('h', "help", cli.On(func(c *config) *bool { return &c.help })),
	cli.Arg('i', "interface", cli.Keep(func(c *config) *string { return &c.iface })),
	cli.Flag('K', "dont-verify-checksums", cli.On(func(c *config) *bool { return &c.K })),
	cli.Flag('l', "", cli.On(func(c *config) *bool { return &c.lineBuffered })),
	cli.Flag('n', "", cli.Count(func(c *config) *int { return &c.n })),
	cli.Flag('N', "", cli.On(func(c *config) *bool { return &c.N })),
	cli.Flag('O', "no-optimize", cli.Nothing[config]),
	cli.Flag('p', "no-promiscuous-mode", cli.On(func(c *config) *bool { return &c.noPromiscuous })),
	cli.Flag('q', "", cli.Count(func(c *config) *int { return &c.q })),
	cli.Arg('Q', "direction", setDirection),
	cli.Arg('r', "", cli.Keep(func(c *config) *string { return &c.read })),
	cli.Arg('s', "snapshot-length", setSnapLen),
	cli.Flag('S', "absolute-tcp-sequence-numbers", cli.On(func(c *config) *bool { return &c.S })),
	cli.Flag('t', "", cli.Count(func(c *config) *int { return &c.t })),
	cli.Flag('U', "packet-buffered", cli.On(func(c *config) *bool { return &c.packetBuffered })),
	cli.Flag('v', "", cli.Count(func(c *config) *int { return &c.v })),
	cli.Arg('w', "", cli.Keep(func(c *config) *string { return &c.write })),
	cli.Flag('x', "", cli.Count(func(c *config) *int { return &c.x })),
	cli.Flag('X', "", cli.Count(func(c *config) *int { return &c.X })),
	cli.Arg('y', "linktype", cli.Keep(func(c *config) *string { return &c.linkType })),
	cli.Flag('#', "number", cli.On(func(c *config) *bool { return &c.number })),
	cli.Flag(0, "count", cli.On(func(c *config) *bool { return &c.countOnly })),
	cli.Flag(0, "immediate-mode", cli.Nothing[config]), // packets wait 10 ms at most
	cli.Flag(0, "micro", cli.Off(func(c *config) *bool { return &c.nano })),
	cli.Flag(0, "nano", cli.On(func(c *config) *bool { return &c.nano })),
	cli.Flag(0, "print", cli.On(func(c *config) *bool { return &c.print })),
	cli.Arg(0, "time-stamp-precision", setPrecision),
	cli.Flag(0, "version", cli.On(func(c *config) *bool { return &c.version })),
}

func positive(n *int, arg, what string) error {
	v, err := strconv.Atoi(arg)
	if err != nil || v <= 0 {
		return fmt.Errorf("invalid %s %s", what, arg)
	}
	*n = v
	return nil
}

func setSnapLen(c *config, arg string) error {
	n, err := strconv.ParseInt(arg, 0, 32)
	if err != nil || n < 0 || n > maxSnapLen {
		return fmt.Errorf("invalid snaplen %s (must be >= 0 and <= %d)", arg, maxSnapLen)
	}
	c.snapLen = int(n)
	return nil
}

func setDirection(c *config, arg string) error {
	switch strings.ToLower(arg) {
	case "in":
		c.direction = capture.Incoming
	case "out":
		c.direction = capture.Outgoing
	case "inout":
		c.direction = capture.DirectionUnknown
	default:
		return fmt.Errorf("unknown capture direction `%s'", arg)
	}
	return nil
}

func setPrecision(c *config, arg string) error {
	switch arg {
	case "micro":
		c.nano = false
	case "nano":
		c.nano = true
	default:
		return errors.New("unsupported time stamp precision")
	}
	return nil
}

// parse reads the command line.
func parse(args []string) (*config, error) {
	c := new(config)
	words, err := cli.Parse(c, flagTable, args)
	if m := (*cli.Mistake)(nil); errors.As(err, &m) {
		return nil, misused(m)
	}
	if c.t > 5 {
		return nil, errors.New("only -t, -tt, -ttt, -tttt and -ttttt are supported")
	}
	c.expr = strings.Join(words, " ")
	return c, nil
}

// mistakes are the words of getopt_long(3), which has different ones for letters.
var mistakes = map[cli.Kind]struct{ letter, word string }{
	cli.Unknown:   {"invalid option -- '%s'", "unrecognized option '%s'"},
	cli.Ambiguous: {word: "option '%s' is ambiguous"},
	cli.NoValue:   {"option requires an argument -- '%s'", "option '%s' requires an argument"},
	cli.Value:     {word: "option '%s' doesn't allow an argument"},
}

// misused says what is wrong with an option.
func misused(m *cli.Mistake) error {
	if m.Kind == cli.Refused {
		return m.Err
	}
	format, option := mistakes[m.Kind].word, m.Option
	if !strings.HasPrefix(option, "--") {
		format, option = mistakes[m.Kind].letter, string(rune(option[1])) // getopt goes by bytes
	}
	return fmt.Errorf(format+"\n%w", option, errUsage)
}
