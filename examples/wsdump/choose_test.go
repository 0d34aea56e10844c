package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("wsdump.update", false, "write the golden files anew")

// golden compares with a file of testdata, or writes it with -wsdump.update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "choose", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, got, want)
	}
}

// TestChoice holds each flag and some of their combinations against golden files, from
// the capture and from the lines that wsdump --json makes of it, plain, packed and
// through a pipe.
func TestChoice(t *testing.T) {
	lines := mustWork(t, "-r", "walkthrough.pcap.gz", "--json").stdout
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(lines)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	files := []string{"walkthrough.pcap.gz", tempFile(t, []byte(lines)), tempFile(t, packed.Bytes())}
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"match", []string{"--match", "hi, all"}},
		{"match-twice", []string{"--match", "say", "--match", "mynick"}},
		{"not-match", []string{"--not-match", `"type":"say"`, "--only", "data"}},
		{"only-control", []string{"--only", "control"}},
		{"only-close-ping", []string{"--only=close,ping"}},
		{"from-client", []string{"--from", "client"}},
		{"conn", []string{"--conn", "2"}},
		{"url", []string{"--url", "127.*:7272/$", "--from", "server", "--only", "text"}},
		{"url-none", []string{"--url", "nobody"}},
		{"json", []string{"--json", "--match", "hi, all", "--from", "server"}},
		{"quiet", []string{"-q", "--conn", "1,2", "--match", "login"}},
		{"first", []string{"-c", "2", "--only", "text", "--from", "server"}},
		{"pretty", []string{"--pretty", "--match", "login", "-A"}},
		{"summary", []string{"--summary"}},
		{"summary-json", []string{"--summary", "--json", "--only", "data"}},
	} {
		for i, file := range files {
			got := mustWork(t, append([]string{"-r", file}, tt.args...)...)
			golden(t, tt.name+".txt", got.stdout)
			count := mustWork(t, append([]string{"-r", file, "--count"}, slices.DeleteFunc(slices.Clone(tt.args), func(a string) bool {
				return a == "--summary" || a == "--json" || a == "--pretty"
			})...)...)
			if i == 0 && !strings.HasPrefix(got.stderr[strings.Index(got.stderr, "\n")+1:], strings.TrimSuffix(count.stdout, "s\n")) && tt.name != "first" {
				t.Errorf("%s: --count says %q and the closing lines %q", tt.name, count.stdout, got.stderr)
			}
		}
		piped := runWith(t, strings.NewReader(lines), append([]string{"-r", "-"}, tt.args...)...)
		golden(t, tt.name+".txt", piped.stdout)
	}
}

// TestChoiceMistakes: each is refused, a pattern with the place.
func TestChoiceMistakes(t *testing.T) {
	lines := tempFile(t, []byte(mustWork(t, "-r", "walkthrough.pcap.gz", "--json").stdout))
	for _, tt := range []struct{ args, want string }{
		{"-r walkthrough.pcap.gz --match a[b", `missing closing ], at byte 1: "[b"`},
		{"-r walkthrough.pcap.gz --not-match a**", `invalid nested repetition operator, at byte 1`},
		{"-r walkthrough.pcap.gz --url (", `missing closing )`},
		{"-r walkthrough.pcap.gz --only words", `kind "words"`},
		{"-r walkthrough.pcap.gz --from me", `must be client or server`},
		{"-r walkthrough.pcap.gz --conn 1,x", `x is none`},
		{"-r walkthrough.pcap.gz --summary --count", `give one of them`},
		{"-r " + lines + " -w x", "no packets"},
		{"-r " + lines + " port 80", "no packets"},
	} {
		got := wsdump(t, strings.Fields(tt.args)...)
		if got.status != 2 || !strings.Contains(got.stderr, tt.want) || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %s", tt.args, got.status, got.stderr)
		}
	}
}

// TestBadLines: a damaged file of lines tells the line, after what comes before it.
func TestBadLines(t *testing.T) {
	lines := mustWork(t, "-r", "walkthrough.pcap.gz", "--json").stdout
	for _, tt := range []struct{ in, want string }{
		{lines[:len(lines)-40], "line 22: unexpected EOF"},
		{strings.Replace(lines, `"opcode":"text"`, `"opcode":7`, 1), "line 2"},
		{"{}\n", "line 1"},
	} {
		got := wsdump(t, "-r", tempFile(t, []byte(tt.in)))
		if got.status != 1 || !strings.Contains(got.stderr, tt.want) || !strings.Contains(got.stderr, " lost in gaps") {
			t.Errorf("status %d: %s", got.status, got.stderr)
		}
	}
}

// TestArchive: --har writes what is chosen, beside what is printed, and also where
// nothing is.
func TestArchive(t *testing.T) {
	for _, args := range [][]string{{"--match", "hi, all"}, {"--match", "hi, all", "--count"}, {"--only", "close"}, {}} {
		file := filepath.Join(t.TempDir(), "x.har")
		mustWork(t, append([]string{"-r", "walkthrough.pcap.gz", "--har", file}, args...)...)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Log struct {
				Entries []struct {
					Messages []struct{ Data string } `json:"_webSocketMessages"`
				}
			}
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range doc.Log.Entries {
			n += len(e.Messages)
		}
		count := mustWork(t, append([]string{"-r", "walkthrough.pcap.gz", "--count"}, slices.DeleteFunc(args, func(a string) bool { return a == "--count" })...)...).stdout
		if want := strings.Fields(count)[0]; len(doc.Log.Entries) == 0 || jsonNumber(n) != want {
			t.Errorf("%q: %d messages on %d connections, want %s", args, n, len(doc.Log.Entries), want)
		}
	}
	if got := wsdump(t, "-r", "walkthrough.pcap.gz", "--har", t.TempDir()); got.status != 1 || !strings.Contains(got.stderr, "directory") {
		t.Errorf("%+v", got)
	}
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// TestExtract: payloads come out whole, and nothing is overwritten.
func TestExtract(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		mustWork(t, "-r", "walkthrough.pcap.gz", "--extract", dir, "-q")
	}
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{}
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		sizes[e.Name()] = info.Size()
	}
	for _, name := range names {
		base, ext, _ := strings.Cut(name, ".")
		if again := base + "-1." + ext; !strings.HasSuffix(base, "-1") && sizes[again] != sizes[name] {
			t.Errorf("%s has %d bytes, and of the second run %d", name, sizes[name], sizes[again])
		}
	}
	if len(names) != 6 || !slices.Contains(names, "conn1-message7-client.txt") {
		t.Errorf("%q %v", names, sizes)
	}
}

// TestIndented: what is JSON is indented, all else is not touched.
func TestIndented(t *testing.T) {
	deep := strings.Repeat("[", 101) + strings.Repeat("]", 101)
	for _, tt := range []struct{ in, want string }{
		{`{"a":1,"b":[]}`, "{\n  \"a\": 1,\n  \"b\": []\n}"},
		{`{"a":1}{"b":2}` + "\n3", "{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}\n3"},
		{`{"n":1.0e5,"s":"\u4f60"}`, "{\n  \"n\": 1.0e5,\n  \"s\": \"\\u4f60\"\n}"},
		{`3`, ""}, {`"x"`, ""}, {``, ""}, {`{"a":1`, ""}, {`{"a":1}]`, ""}, {`42["x"]`, "42\n[\n  \"x\"\n]"}, {`hello [1]`, ""}, {deep, ""},
	} {
		got, ok := indented([]byte(tt.in))
		if ok != (tt.want != "") || ok && string(got) != tt.want {
			t.Errorf("%q: %q, %v", tt.in, got, ok)
		}
	}
}

func FuzzIndented(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\"[x"}]} 2 {}`)) // several values, a bracket in a string
	f.Add([]byte(`[[[[[[`))                      // no end
	f.Fuzz(func(t *testing.T, b []byte) {
		out, ok := indented(b)
		if !ok {
			return
		}
		var want, got bytes.Buffer
		for _, x := range []struct {
			to   *bytes.Buffer
			from []byte
		}{{&want, b}, {&got, out}} {
			in := json.NewDecoder(bytes.NewReader(x.from))
			for in.More() {
				var v json.RawMessage
				if err := in.Decode(&v); err != nil {
					t.Fatal(err)
				}
				if err := json.Compact(x.to, v); err != nil {
					t.Fatal(err)
				}
				x.to.WriteByte('\n')
			}
		}
		if !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Errorf("%q became %q", b, out)
		}
	})
}
