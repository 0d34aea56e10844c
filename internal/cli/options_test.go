package cli

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

type settings struct {
	all, iface string
	quiet      bool
	verbose    int
}

var errRefused = errors.New("refused")

var table = []Option[settings]{
	Arg('i', "interface", Keep(func(s *settings) *string { return &s.iface })),
	Flag('q', "", On(func(s *settings) *bool { return &s.quiet })),
	Flag('Q', "loud", Off(func(s *settings) *bool { return &s.quiet })),
	Flag('v', "", Count(func(s *settings) *int { return &s.verbose })),
	Arg('é', "interval", Keep(func(s *settings) *string { return &s.all })),
	Flag('n', "number", Nothing[settings]),
	Flag(0, "numb", Nothing[settings]),
	Arg(0, "no", func(*settings, string) error { return errRefused }),
}

func TestParse(t *testing.T) {
	for args, want := range map[string]struct {
		settings
		words string
	}{
		"":                     {},
		"port 7272":            {words: "port 7272"},
		"-qvvi lo a -v b":      {settings{iface: "lo", quiet: true, verbose: 3}, "a b"},
		"-ilo - -vi -q":        {settings{iface: "-q", verbose: 1}, "-"},
		"-q --loud":            {settings{}, ""},
		"-v -- -v -- x":        {settings{verbose: 1}, "-v -- x"},
		"--interface=a=b":      {settings{iface: "a=b"}, ""},
		"--interface --":       {settings{iface: "--"}, ""},
		"--interf= x":          {settings{}, "x"},
		"--numb --number -né5": {settings{all: "5"}, ""},
	} {
		var got settings
		words, err := Parse(&got, table, strings.Fields(args))
		if err != nil || !reflect.DeepEqual(got, want.settings) || strings.Join(words, " ") != want.words {
			t.Errorf("%q: %+v, %q, %v; want %+v", args, got, words, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for args, want := range map[string]Mistake{
		"-x":          {Kind: Unknown, Option: "-x"},
		"-vñ":         {Kind: Unknown, Option: "-ñ"},
		"-v\xff":      {Kind: Unknown, Option: "-\xff"},
		"-\x00":       {Kind: Unknown, Option: "-\x00"},
		"--x":         {Kind: Unknown, Option: "--x"},
		"--=1":        {Kind: Ambiguous, Option: "--", Names: []string{"--interface", "--loud", "--interval", "--number", "--numb", "--no"}},
		"--inter=x":   {Kind: Ambiguous, Option: "--inter", Names: []string{"--interface", "--interval"}},
		"--num":       {Kind: Ambiguous, Option: "--num", Names: []string{"--number", "--numb"}},
		"-vi":         {Kind: NoValue, Option: "-i"},
		"--interface": {Kind: NoValue, Option: "--interface"},
		"--number=3":  {Kind: Value, Option: "--number"},
		"--no 1":      {Kind: Refused, Option: "--no", Err: errRefused},
	} {
		_, err := Parse(new(settings), table, strings.Split(args, " "))
		var m *Mistake
		if !errors.As(err, &m) {
			t.Errorf("%q: %v", args, err)
		} else if !reflect.DeepEqual(*m, want) || !strings.Contains(m.Error(), strconv.Quote(m.Option)) {
			t.Errorf("%q: %+v, want %+v", args, *m, want)
		}
		if errors.Is(err, errRefused) != (want.Err != nil) {
			t.Errorf("%q: the error of Set is lost, or invented", args)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"-qvvi\x00lo\x00port",    // a bundle
		"--interface=lo\x00--no", // long, with a value attached
		"-\xff\x00--\xff=\xff",   // not UTF-8
		"--\x00-x",               // the end of options
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		words, err := Parse(new(settings), table, args)
		if m := (*Mistake)(nil); err != nil && !errors.As(err, &m) {
			t.Errorf("%q: %v", args, err)
		}
		if len(words) > len(args) {
			t.Errorf("%q: %q", args, words)
		}
	})
}

// Next says whether an option that needs no value takes the next argument.
func TestNext(t *testing.T) {
	type opts struct{ at string }
	table := []Option[opts]{{Long: "web", Maybe: true, Next: func(arg string) bool { return strings.Contains(arg, ":") }, Set: func(o *opts, v string) error {
		o.at = v
		return nil
	}}}
	for _, tt := range []struct {
		args []string
		at   string
		rest string
	}{
		{[]string{"--web", "a:1", "port", "80"}, "a:1", "port 80"},
		{[]string{"--web", "port", "80"}, "", "port 80"},
		{[]string{"--web=b", "a:1"}, "b", "a:1"},
		{[]string{"--web"}, "", ""},
	} {
		var o opts
		rest, err := Parse(&o, table, tt.args)
		if err != nil || o.at != tt.at || strings.Join(rest, " ") != tt.rest {
			t.Errorf("%q: %q, %q, %v", tt.args, o.at, rest, err)
		}
	}
}
