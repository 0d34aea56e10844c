package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Option is one switch of the command line that a T holds.
type Option[T any] struct {
	Letter rune   // 0: only the long name
	Long   string // empty: only the letter
	Value  bool   // it takes a value
	Maybe  bool   // its long name takes a value behind = and needs none
	Set    func(t *T, value string) error
	// Next, with Maybe, says whether the next argument is the value. nil: never.
	Next func(arg string) bool
}

// Flag returns an option without a value. A letter of 0 is none, and so is "" as
// a long name.
func Flag[T any](letter rune, long string, set func(*T, string) error) Option[T] {
	return Option[T]{Letter: letter, Long: long, Set: set}
}

// Arg is [Flag] for an option that takes a value.
func Arg[T any](letter rune, long string, set func(*T, string) error) Option[T] {
	return Option[T]{Letter: letter, Long: long, Value: true, Set: set}
}

// MaybeArg is [Arg] for a long option whose value may be left out: then it is "".
func MaybeArg[T any](long string, set func(*T, string) error) Option[T] {
	return Option[T]{Long: long, Maybe: true, Set: set}
}

// On returns a Set that makes a bool true.
func On[T any](field func(*T) *bool) func(*T, string) error {
	return func(t *T, _ string) error { *field(t) = true; return nil }
}

// Off returns a Set that makes a bool false.
func Off[T any](field func(*T) *bool) func(*T, string) error {
	return func(t *T, _ string) error { *field(t) = false; return nil }
}

// Count returns a Set that counts how often the option is given.
func Count[T any](field func(*T) *int) func(*T, string) error {
	return func(t *T, _ string) error { *field(t)++; return nil }
}

// Keep returns a Set that keeps the value.
func Keep[T any](field func(*T) *string) func(*T, string) error {
	return func(t *T, value string) error { *field(t) = value; return nil }
}

// Nothing is the Set of a switch whose wish is always granted.
func Nothing[T any](*T, string) error { return nil }

// A Kind says what is wrong with a command line.
type Kind int

// The kinds of a Mistake.
const (
	Unknown   Kind = iota // there is no such option
	Ambiguous             // several long names begin so
	NoValue               // the option takes a value, and none is there
	Value                 // the option takes no value, and one is there
	Refused               // Set returned Err
)

// A Mistake is the error that [Parse] returns. Each program has its own words
// for it.
type Mistake struct {
	Kind   Kind
	Option string   // with its dashes: -s, or --snapshot-length
	Names  []string // long names, with their dashes: with Ambiguous those that begin so, else what was probably meant
	Err    error    // with Refused
}

// Error names the option and what is wrong, in words for developers.
func (m *Mistake) Error() string {
	what := [...]string{"is unknown", "is ambiguous", "has no value", "takes no value", "is refused"}[m.Kind]
	return fmt.Sprintf("option %q %s", m.Option, what)
}

// Unwrap returns the error of Set.
func (m *Mistake) Unwrap() error { return m.Err }

// Parse sets t from the arguments as getopt_long(3) does on Linux: letters
// bundle (-nAi lo, -ilo, -s4096), long names may be cut short, options may
// follow other words, and -- ends them. It returns the other words. Every error
// is a *[Mistake].
func Parse[T any](t *T, table []Option[T], args []string) (words []string, err error) {
	p := parser[T]{t: t, table: table, args: args}
	for len(p.args) > 0 {
		arg := p.args[0]
		p.args = p.args[1:]
		switch {
		case arg == "--":
			return append(words, p.args...), nil
		case strings.HasPrefix(arg, "--"):
			err = p.long(arg[2:])
		case len(arg) > 1 && arg[0] == '-':
			if err = p.letters(arg[1:]); err != nil {
				err.(*Mistake).Names = p.single(arg[1:])
			}
		default:
			words = append(words, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return words, nil
}

type parser[T any] struct {
	t     *T
	table []Option[T]
	args  []string // those to come
}

// letters reads a bundle.
func (p *parser[T]) letters(rest string) error {
	for rest != "" {
		r, n := utf8.DecodeRuneInString(rest)
		shown := "-" + rest[:n]
		rest = rest[n:]
		opt := p.byLetter(r)
		switch {
		case opt == nil:
			return &Mistake{Kind: Unknown, Option: shown}
		case opt.Value && rest != "":
			return p.set(opt, shown, rest)
		case opt.Value:
			return p.setNext(opt, shown)
		}
		if err := p.set(opt, shown, ""); err != nil {
			return err
		}
	}
	return nil
}

// long reads an option that is written out, behind its dashes.
func (p *parser[T]) long(arg string) error {
	name, value, given := strings.Cut(arg, "=")
	opt, err := p.byName(name)
	if err != nil {
		return err
	}
	shown := "--" + opt.Long
	switch {
	case given && !opt.Value && !opt.Maybe:
		return &Mistake{Kind: Value, Option: shown}
	case opt.Value && !given, opt.Next != nil && !given && len(p.args) > 0 && opt.Next(p.args[0]):
		return p.setNext(opt, shown)
	}
	return p.set(opt, shown, value)
}

// setNext takes the next argument as the value.
func (p *parser[T]) setNext(opt *Option[T], shown string) error {
	if len(p.args) == 0 {
		return &Mistake{Kind: NoValue, Option: shown}
	}
	value := p.args[0]
	p.args = p.args[1:]
	return p.set(opt, shown, value)
}

func (p *parser[T]) set(opt *Option[T], shown, value string) error {
	if err := opt.Set(p.t, value); err != nil {
		return &Mistake{Kind: Refused, Option: shown, Err: err}
	}
	return nil
}

func (p *parser[T]) byLetter(r rune) *Option[T] {
	for i := range p.table {
		if opt := &p.table[i]; opt.Letter == r && r != 0 {
			return opt
		}
	}
	return nil
}

// byName finds an option by its long name, or by a beginning that only one has.
func (p *parser[T]) byName(name string) (*Option[T], error) {
	var found *Option[T]
	var names []string
	for i := range p.table {
		opt := &p.table[i]
		if opt.Long == "" || !strings.HasPrefix(opt.Long, name) {
			continue
		}
		if opt.Long == name {
			return opt, nil
		}
		found, names = opt, append(names, "--"+opt.Long)
	}
	switch len(names) {
	case 0:
		return nil, &Mistake{Kind: Unknown, Option: "--" + name, Names: p.near(name)}
	case 1:
		return found, nil
	}
	return nil, &Mistake{Kind: Ambiguous, Option: "--" + name, Names: names}
}
