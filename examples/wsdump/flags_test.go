package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/cli"
)

func TestParse(t *testing.T) {
	filterFile := filepath.Join(t.TempDir(), "filter")
	if err := os.WriteFile(filterFile, []byte("port 7272\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		want options
	}{
		{"", options{iface: "any"}},
		{"-Ans 4096 -iany port 7272", options{iface: "any", whole: true, snaplen: 4096, filter: "port 7272"}},
		{"-nAi lo", options{iface: "lo", whole: true}},
		{"-ilo", options{iface: "lo"}},
		{"-s4096", options{iface: "any", snaplen: 4096}},
		{"-nnvvi lo port 1 or port 2", options{iface: "lo", verbose: 2, filter: "port 1 or port 2"}},
		{"port 7272 -q --json", options{iface: "any", quiet: true, json: true, filter: "port 7272"}}, // as glibc's getopt
		{"-r f -w - -U -c 12", options{iface: "any", read: "f", write: "-", unbuf: true, count: 12}},
		{"-r - --count", options{iface: "any", read: "-", total: true}},
		{"-- -q", options{iface: "any", filter: "-q"}},
		{"tcp[13] - 2 = 0", options{iface: "any", filter: "tcp[13] - 2 = 0"}},
		{"-d -d -ddd", options{iface: "any", dump: 5}},
		{"--interface=lo --snapshot-length 96 --no-promiscuous-mode", options{iface: "lo", snaplen: 96, noPromisc: true}},
		{"--interf lo --relinquish=nobody", options{iface: "lo", user: "nobody"}},
		{"-Znobody -B 1024 -Q in", options{iface: "any", user: "nobody", buffer: 1024, inout: "in"}},
		{"-ttt -#xX -l", options{iface: "any", times: 3, number: true, hex: true, ascii: true, line: true}},
		{"-nNKf --immediate-mode", options{iface: "any"}},
		{"--time-stamp-precision=nano", options{iface: "any", nano: true}},
		{"--nano --micro", options{iface: "any"}},
		{"-r f --follow", options{iface: "any", read: "f", follow: true}},
		{"-w f --print --json", options{iface: "any", write: "f", print: true, json: true}},
		{"-F " + filterFile, options{iface: "any", filter: "port 7272\n", filterFile: true}},
		{"-r f -r g --json=out", options{iface: "any", read: "f", more: []string{"g"}, json: true, long: long{jsonFile: "out"}}},
		{"-w f -C 5 -G 60 -W 3 -z gzip", options{iface: "any", write: "f", long: long{size: 5e6, interval: time.Minute, files: 3, after: "gzip"}}},
		{"-w f -C 2k --duration 90s", options{iface: "any", write: "f", long: long{size: 2048, duration: 90 * time.Second}}},
		{"--demo -q", options{iface: "any", demo: true, quiet: true}},
		{"-h", options{iface: "any", help: true}},
	} {
		got, err := parse(strings.Fields(tt.args))
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
		} else if !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%q:\n got %+v\nwant %+v", tt.args, *got, tt.want)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"-Y":                            "unknown option -Y",
		"-né":                           "unknown option -é",
		"-\x1b[2J":                      `unknown option -\x1b`,
		"--bogus":                       "unknown option --bogus",
		"--\x1b[2J":                     `unknown option --\x1b[2J`,
		"--p":                           "ambiguous: --packet-buffered, --print",
		"--jsn":                         "unknown option --jsn: did you mean --json?",
		"-json":                         "did you mean --json?",
		"--cuont":                       "did you mean --count?",
		"-w f --json":                   "add --print",
		"--count=yes":                   "takes no value",
		"-i":                            "option -i needs a value",
		"-Ans":                          "option -s needs a value",
		"--interface":                   "option --interface needs a value",
		"-c 0":                          "must be a number from 1",
		"-c -1":                         "must be a number from 1",
		"-c many":                       "must be a number from 1",
		"-s 262145":                     "must be a number from 0 to 262144",
		"-B 0":                          "must be a number from 1",
		"-Q up":                         "must be in, out or inout",
		"-e":                            "link-layer headers",
		"-nneS":                         "link-layer headers",
		"-S":                            "absolute sequence numbers",
		"-C 1":                          "name it",
		"-G 1 -w -":                     "name it",
		"-C 0":                          "millions of bytes",
		"-C 1x":                         "millions of bytes",
		"-C 99999999999999g":            "millions of bytes",
		"-W 3 -w f":                     "belong to -C and -G",
		"-z gzip -w f":                  "belong to -C and -G",
		"-G 0":                          "must be a number from 1",
		"--duration 5":                  "90s, 10m or 8h",
		"--duration -5s":                "90s, 10m or 8h",
		"-r a -r b --follow":            "give one -r",
		"-V f":                          "give one file to -r",
		"-r f -i lo":                    "-i captures live and -r reads a file",
		"--demo -r f":                   "--demo brings its own interface",
		"--json --count":                "give one of them",
		"-w - --print":                  "cannot go there as well",
		"--follow":                      "name it with -r",
		"-F /nonexistent/filter":        "no such file",
		"-tttttt":                       "at most five -t",
		"--time-stamp-precision=second": "must be micro or nano",
	} {
		_, err := parse(strings.Split(args, " "))
		var usage *usageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: got %v, want a usage error", args, err)
		} else if !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %q does not say %q on one clean line", args, err, want)
		}
	}
	if _, err := parse([]string{"-i", ""}); err == nil {
		t.Error("an empty interface was taken")
	}
}

// TestEveryTcpdumpLetter holds the table to tcpdump 4.99's getopt string, so
// that no habit meets "unknown option".
func TestEveryTcpdumpLetter(t *testing.T) {
	const letters = "AbB:c:C:dDeE:fF:G:hHi:Ij:JKlLm:M:nNOpqQ:r:s:StT:uUvV:w:W:xXy:z:Z:#"
	for i, r := range letters {
		if r == ':' {
			continue
		}
		at := slices.IndexFunc(table, func(opt cli.Option[options]) bool { return opt.Letter == r })
		if at < 0 {
			t.Errorf("-%c is missing", r)
			continue
		}
		if value := i+1 < len(letters) && letters[i+1] == ':'; value != table[at].Value {
			t.Errorf("-%c: value %v, tcpdump %v", r, table[at].Value, value)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"-Ans\x004096\x00-iany\x00port\x007272", // the walkthrough
		"--interface=lo\x00--json",              // long, with a value attached
		"-\xff\x00--\xff=\xff",                  // not UTF-8
		"--\x00-x",                              // the end of options
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "F") || strings.Contains(line, "\x00-F") {
			return // reads a file
		}
		o, err := parse(strings.Split(line, "\x00"))
		if (o == nil) == (err == nil) && !errors.As(err, new(*usageError)) {
			t.Errorf("%q: %v, %v", line, o, err)
		}
	})
}
