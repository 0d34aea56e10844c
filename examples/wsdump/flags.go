package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// options is the command line, parsed.
type options struct {
	iface   string // -i; "any" unless given
	read    string // -r
	write   string // -w
	filter  string // the remaining words, or the file of -F
	user    string // -Z
	inout   string // -Q: in, out, inout or empty
	count   uint64 // -c; 0 is no limit
	snaplen int    // -s; 0 is the default
	buffer  int    // -B, KiB; 0 is the default

	noPromisc bool // -p
	list      bool // -D
	dump      int  // -d, -dd, -ddd
	quiet     bool // -q
	verbose   int  // -v
	whole     bool // -A
	hex       bool // -x
	ascii     bool // -X
	number    bool // -#
	line      bool // -l
	unbuf     bool // -U
	times     int  // number of -t
	nano      bool

	json, total, demo, print, follow, secrets, noTunnels, help, version bool
}

// A usageError is a mistake on the command line: exit status 2.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// An option is one switch: its letter, its long names, and what it does. A
// set that takes a value is told so by arg.
type option struct {
	letter rune
	long   []string
	arg    bool
	set    func(o *options, v string) error
}

func toggle(f func(o *options)) func(*options, string) error {
	return func(o *options, _ string) error { f(o); return nil }
}

// refuse answers a switch of tcpdump that says something about packets which
// wsdump, printing messages, cannot do.
func refuse(why string) func(*options, string) error {
	return func(*options, string) error { return errors.New(why) }
}

// nothing answers a switch of tcpdump whose wish wsdump always fulfils.
var nothing = toggle(func(*options) {})

const (
	packetsOnly = "is about packets, and wsdump prints messages: use tcpdump for it"
	noRotation  = "(rotating files) is not supported: write one file, or use tcpdump"
)

// table holds DESIGN's switches and every letter of tcpdump 4.99, so that a
// habit is either served or answered in one line.
var table = []option{
	{'i', []string{"interface"}, true, func(o *options, v string) error { o.iface = v; return nonEmpty(v) }},
	{'r', nil, true, func(o *options, v string) error { o.read = v; return nonEmpty(v) }},
	{'w', nil, true, func(o *options, v string) error { o.write = v; return nonEmpty(v) }},
	{'c', nil, true, func(o *options, v string) (err error) {
		o.count, err = number[uint64](v, 1, math.MaxUint64)
		return err
	}},
	{'s', []string{"snapshot-length"}, true, func(o *options, v string) (err error) {
		o.snaplen, err = number(v, 0, maxSnaplen)
		return err
	}},
	{'B', []string{"buffer-size"}, true, func(o *options, v string) (err error) {
		o.buffer, err = number(v, 1, math.MaxInt32/1024)
		return err
	}},
	{'p', []string{"no-promiscuous-mode"}, false, toggle(func(o *options) { o.noPromisc = true })},
	{'Q', []string{"direction"}, true, func(o *options, v string) error {
		if !slices.Contains([]string{"in", "out", "inout"}, v) {
			return errors.New("must be in, out or inout")
		}
		o.inout = v
		return nil
	}},
	{'D', []string{"list-interfaces"}, false, toggle(func(o *options) { o.list = true })},
	{'d', nil, false, toggle(func(o *options) { o.dump++ })},
	{'q', nil, false, toggle(func(o *options) { o.quiet = true })},
	{'v', nil, false, toggle(func(o *options) { o.verbose++ })},
	{'A', nil, false, toggle(func(o *options) { o.whole = true })},
	{'x', nil, false, toggle(func(o *options) { o.hex = true })},
	{'X', nil, false, toggle(func(o *options) { o.hex, o.ascii = true, true })},
	{'Z', []string{"relinquish-privileges"}, true, func(o *options, v string) error { o.user = v; return nonEmpty(v) }},
	{'F', nil, true, func(o *options, v string) error {
		b, err := os.ReadFile(v)
		o.filter = string(b)
		return err
	}},
	{'#', []string{"number"}, false, toggle(func(o *options) { o.number = true })},
	{'l', nil, false, toggle(func(o *options) { o.line = true })},
	{'U', []string{"packet-buffered"}, false, toggle(func(o *options) { o.unbuf = true })},
	{'t', nil, false, toggle(func(o *options) { o.times++ })},
	{0, []string{"nano"}, false, toggle(func(o *options) { o.nano = true })},
	{0, []string{"micro"}, false, toggle(func(o *options) { o.nano = false })},
	{0, []string{"time-stamp-precision"}, true, func(o *options, v string) error {
		o.nano = v == "nano"
		if v != "nano" && v != "micro" {
			return errors.New("must be micro or nano")
		}
		return nil
	}},
	{0, []string{"json"}, false, toggle(func(o *options) { o.json = true })},
	{0, []string{"count"}, false, toggle(func(o *options) { o.total = true })},
	{0, []string{"follow"}, false, toggle(func(o *options) { o.follow = true })},
	{0, []string{"show-secrets"}, false, toggle(func(o *options) { o.secrets = true })},
	{0, []string{"no-tunnels"}, false, toggle(func(o *options) { o.noTunnels = true })},
	{0, []string{"demo"}, false, toggle(func(o *options) { o.demo = true })},
	{0, []string{"print"}, false, toggle(func(o *options) { o.print = true })},
	{'h', []string{"help"}, false, toggle(func(o *options) { o.help = true })},
	{0, []string{"version"}, false, toggle(func(o *options) { o.version = true })},

	{'n', nil, false, nothing}, // addresses are never turned into names
	{'N', nil, false, nothing},
	{'f', nil, false, nothing},
	{'K', []string{"dont-verify-checksums"}, false, nothing}, // checksums are never verified
	{0, []string{"immediate-mode"}, false, nothing},          // messages are shown when they are complete

	{'b', nil, false, refuse(packetsOnly)},
	{'e', nil, false, refuse("(link-layer headers) " + packetsOnly)},
	{'E', nil, true, refuse("(IPsec secrets) is not supported")},
	{'C', nil, true, refuse(noRotation)},
	{'G', nil, true, refuse(noRotation)},
	{'W', nil, true, refuse(noRotation)},
	{'z', nil, true, refuse(noRotation)},
	{'H', nil, false, refuse("(802.11s) is not supported")},
	{'I', []string{"monitor-mode"}, false, refuse("(monitor mode) is not supported")},
	{'j', []string{"time-stamp-type"}, true, refuse("(time stamp type) is not supported")},
	{'J', []string{"list-time-stamp-types"}, false, refuse("(time stamp types) is not supported")},
	{'L', []string{"list-data-link-types"}, false, refuse("(data link types) is not supported")},
	{'m', nil, true, refuse(packetsOnly)},
	{'M', nil, true, refuse("(TCP-MD5 secrets) is not supported")},
	{'O', []string{"no-optimize"}, false, refuse("(unoptimized filter) is not supported")},
	{'S', []string{"absolute-tcp-sequence-numbers"}, false, refuse("(absolute sequence numbers) " + packetsOnly)},
	{'T', nil, true, refuse(packetsOnly)},
	{'u', nil, false, refuse(packetsOnly)},
	{'V', nil, true, refuse("(list of files) is not supported: give one file to -r")},
	{'y', []string{"linktype"}, true, refuse("(data link type) is not supported: every interface has one")},
}

const maxSnaplen = 262144 // tcpdump's MAXIMUM_SNAPLEN

func nonEmpty(v string) error {
	if v == "" {
		return errors.New("must not be empty")
	}
	return nil
}

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

func byLetter(r rune) *option {
	for i := range table {
		if table[i].letter == r {
			return &table[i]
		}
	}
	return nil
}

// byName finds a long option by its name or, as getopt_long does, by a prefix
// that only one has.
func byName(name string) (*option, string, error) {
	var found *option
	var full []string
	for i := range table {
		for _, l := range table[i].long {
			if l == name {
				return &table[i], l, nil
			}
			if strings.HasPrefix(l, name) {
				found, full = &table[i], append(full, l)
			}
		}
	}
	switch len(full) {
	case 0:
		return nil, "", usagef("unknown option --%s", quoteArg(name))
	case 1:
		return found, full[0], nil
	}
	return nil, "", usagef("option --%s is ambiguous: --%s", quoteArg(name), strings.Join(full, ", --"))
}

// parse reads a command line as getopt_long does on Linux: letters bundle
// (-nAi lo, -ilo, -s4096), options may follow the filter, and -- ends them.
func parse(args []string) (*options, error) {
	o := &options{iface: "any"}
	var words []string
	var ifaceGiven, filterFile bool
	apply := func(opt *option, shown, v string) error {
		if err := opt.set(o, v); err != nil {
			return usagef("%s %v", shown, err)
		}
		ifaceGiven = ifaceGiven || opt.letter == 'i'
		filterFile = filterFile || opt.letter == 'F'
		return nil
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			words = append(words, args...)
			args = nil
		case strings.HasPrefix(arg, "--"):
			name, v, hasValue := strings.Cut(arg[2:], "=")
			opt, name, err := byName(name)
			if err != nil {
				return nil, err
			}
			switch {
			case hasValue && !opt.arg:
				return nil, usagef("option --%s takes no value", name)
			case opt.arg && !hasValue && len(args) == 0:
				return nil, usagef("option --%s needs a value", name)
			case opt.arg && !hasValue:
				v, args = args[0], args[1:]
			}
			if err := apply(opt, "option --"+name, v); err != nil {
				return nil, err
			}
		case len(arg) > 1 && arg[0] == '-':
			for rest := arg[1:]; rest != ""; {
				r, n := utf8.DecodeRuneInString(rest)
				opt := byLetter(r)
				if opt == nil || r == 0 {
					return nil, usagef("unknown option -%s", quoteArg(rest[:n]))
				}
				rest = rest[n:]
				var v string
				if opt.arg {
					switch {
					case rest != "":
						v, rest = rest, ""
					case len(args) > 0:
						v, args = args[0], args[1:]
					default:
						return nil, usagef("option -%c needs a value", r)
					}
				}
				if err := apply(opt, fmt.Sprintf("option -%c", r), v); err != nil {
					return nil, err
				}
			}
		default:
			words = append(words, arg)
		}
	}
	if filterFile && len(words) > 0 {
		return nil, usagef("give a filter by -F or in words, not both")
	}
	if !filterFile {
		o.filter = strings.Join(words, " ")
	}
	return o, o.check(ifaceGiven)
}

// check refuses combinations that contradict themselves.
func (o *options) check(ifaceGiven bool) error {
	switch {
	case o.help || o.version || o.list:
		return nil
	case o.read != "" && ifaceGiven:
		return usagef("-i captures live and -r reads a file: give one of them")
	case o.demo && (o.read != "" || ifaceGiven):
		return usagef("--demo brings its own interface: leave out -i and -r")
	case o.follow && o.read == "":
		return usagef("--follow waits for a growing file: name it with -r")
	case o.json && o.total:
		return usagef("--count prints one number and --json every message: give one of them")
	case o.write == "-" && (o.print || o.total || o.json):
		return usagef("-w - writes packets to standard output: messages cannot go there as well")
	case o.times > 5:
		return usagef("at most five -t")
	}
	return nil
}

// quoteArg shows an argument of the user in an error message.
func quoteArg(s string) string { return string(appendEscaped(nil, s)) }
