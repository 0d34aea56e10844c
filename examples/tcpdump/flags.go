package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/capture"
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

// An option is one letter or word of the command line.
type option struct {
	letter byte // 0: only the word
	word   string
	set    func(c *config, arg string) error
	arg    bool
}

func count(n func(*config) *int) func(*config, string) error {
	return func(c *config, _ string) error { *n(c)++; return nil }
}

func on(b func(*config) *bool) func(*config, string) error {
	return func(c *config, _ string) error { *b(c) = true; return nil }
}

func keep(s func(*config) *string) func(*config, string) error {
	return func(c *config, arg string) error { *s(c) = arg; return nil }
}

func nothing(*config, string) error { return nil }

var flagTable = []option{
	{letter: 'A', set: count(func(c *config) *int { return &c.A })},
	{letter: 'B', word: "buffer-size", arg: true, set: func(c *config, arg string) error {
		return positive(&c.bufferKiB, arg, "packet buffer size")
	}},
	{letter: 'c', arg: true, set: func(c *config, arg string) error {
		var n int
		err := positive(&n, arg, "packet count")
		c.count = uint64(n)
		return err
	}},
	{letter: 'd', set: count(func(c *config) *int { return &c.dump })},
	{letter: 'D', word: "list-interfaces", set: on(func(c *config) *bool { return &c.list })},
	{letter: 'e', set: on(func(c *config) *bool { return &c.e })},
	{letter: 'F', arg: true, set: keep(func(c *config) *string { return &c.filterFile })},
	{letter: 'h', word: "help", set: on(func(c *config) *bool { return &c.help })},
	{letter: 'i', word: "interface", arg: true, set: keep(func(c *config) *string { return &c.iface })},
	{letter: 'K', word: "dont-verify-checksums", set: on(func(c *config) *bool { return &c.K })},
	{letter: 'l', set: on(func(c *config) *bool { return &c.lineBuffered })},
	{letter: 'n', set: count(func(c *config) *int { return &c.n })},
	{letter: 'N', set: on(func(c *config) *bool { return &c.N })},
	{letter: 'O', word: "no-optimize", set: nothing},
	{letter: 'p', word: "no-promiscuous-mode", set: on(func(c *config) *bool { return &c.noPromiscuous })},
	{letter: 'q', set: count(func(c *config) *int { return &c.q })},
	{letter: 'Q', word: "direction", arg: true, set: setDirection},
	{letter: 'r', arg: true, set: keep(func(c *config) *string { return &c.read })},
	{letter: 's', word: "snapshot-length", arg: true, set: setSnapLen},
	{letter: 'S', word: "absolute-tcp-sequence-numbers", set: on(func(c *config) *bool { return &c.S })},
	{letter: 't', set: count(func(c *config) *int { return &c.t })},
	{letter: 'U', word: "packet-buffered", set: on(func(c *config) *bool { return &c.packetBuffered })},
	{letter: 'v', set: count(func(c *config) *int { return &c.v })},
	{letter: 'w', arg: true, set: keep(func(c *config) *string { return &c.write })},
	{letter: 'x', set: count(func(c *config) *int { return &c.x })},
	{letter: 'X', set: count(func(c *config) *int { return &c.X })},
	{letter: 'y', word: "linktype", arg: true, set: keep(func(c *config) *string { return &c.linkType })},
	{letter: '#', word: "number", set: on(func(c *config) *bool { return &c.number })},
	{word: "count", set: on(func(c *config) *bool { return &c.countOnly })},
	{word: "immediate-mode", set: nothing}, // packets wait 10 ms at most
	{word: "micro", set: func(c *config, _ string) error { c.nano = false; return nil }},
	{word: "nano", set: on(func(c *config) *bool { return &c.nano })},
	{word: "print", set: on(func(c *config) *bool { return &c.print })},
	{word: "time-stamp-precision", arg: true, set: setPrecision},
	{word: "version", set: on(func(c *config) *bool { return &c.version })},
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

// parse reads the command line as getopt_long(3) does: letters bundle, words
// may be cut short, and what is no flag may stand anywhere.
func parse(args []string) (*config, error) {
	c := new(config)
	var expr []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			expr = append(expr, args...)
			args = nil
		case strings.HasPrefix(arg, "--"):
			used, err := c.parseWord(arg[2:], args)
			if err != nil {
				return nil, err
			}
			args = args[used:]
		case strings.HasPrefix(arg, "-") && arg != "-":
			used, err := c.parseLetters(arg[1:], args)
			if err != nil {
				return nil, err
			}
			args = args[used:]
		default:
			expr = append(expr, arg)
		}
	}
	if c.t > 5 {
		return nil, errors.New("only -t, -tt, -ttt, -tttt and -ttttt are supported")
	}
	c.expr = strings.Join(expr, " ")
	return c, nil
}

// parseLetters reads the letters of one argument and returns how many of the
// following ones it took.
func (c *config) parseLetters(letters string, next []string) (int, error) {
	for i := range len(letters) {
		at := slices.IndexFunc(flagTable, func(f option) bool { return f.letter == letters[i] })
		if at < 0 {
			return 0, fmt.Errorf("invalid option -- '%c'\n%w", letters[i], errUsage)
		}
		f := &flagTable[at]
		switch {
		case !f.arg:
			if err := f.set(c, ""); err != nil {
				return 0, err
			}
		case i+1 < len(letters):
			return 0, f.set(c, letters[i+1:])
		case len(next) > 0:
			return 1, f.set(c, next[0])
		default:
			return 0, fmt.Errorf("option requires an argument -- '%c'\n%w", letters[i], errUsage)
		}
	}
	return 0, nil
}

func (c *config) parseWord(word string, next []string) (int, error) {
	word, value, given := strings.Cut(word, "=")
	var found []*option
	for i := range flagTable {
		f := &flagTable[i]
		if f.word != "" && word == f.word {
			found = []*option{f}
			break
		}
		if f.word != "" && strings.HasPrefix(f.word, word) {
			found = append(found, f)
		}
	}
	switch {
	case len(found) == 0:
		return 0, fmt.Errorf("unrecognized option '--%s'\n%w", word, errUsage)
	case len(found) > 1:
		return 0, fmt.Errorf("option '--%s' is ambiguous\n%w", word, errUsage)
	}
	f := found[0]
	switch {
	case given && !f.arg:
		return 0, fmt.Errorf("option '--%s' doesn't allow an argument\n%w", f.word, errUsage)
	case given || !f.arg:
		return 0, f.set(c, value)
	case len(next) > 0:
		return 1, f.set(c, next[0])
	}
	return 0, fmt.Errorf("option '--%s' requires an argument\n%w", f.word, errUsage)
}
