package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/internal/testkit"
)

func defaultMutants() int {
	if testkit.Long() {
		return 30_000
	}
	return 1500
}

// oracle returns the path of tcpdump 4.99.3, or skips the test.
func oracle(t *testing.T) string {
	path, err := exec.LookPath("tcpdump")
	why := "tcpdump is not installed (apt install tcpdump)"
	if err == nil {
		out, _ := exec.Command(path, "--version").CombinedOutput()
		if bytes.Contains(out, []byte("version 4.99.3")) {
			return path
		}
		why = fmt.Sprintf("the program to compare with is tcpdump 4.99.3, this is %s", bytes.SplitN(out, []byte("\n"), 2)[0])
	}
	if os.Getenv("WSTAP_REQUIRE_LIVE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// numericFlags are the command lines that are compared.
var numericFlags = []string{
	"-n", "-nv", "-nvv", "-ne", "-nevv", "-nq", "-nqqe", "-nqv", "-nSvv",
	"-nA", "-nAAv", "-nX", "-nXXe", "-nx", "-nxxvv", "-nqA",
	"-nt", "-nSntt", "-nttt", "-ntttt", "-nttttt", "-n --number", "-n# -c 7", "-nK -vv", "-n --nano", "-nvvvX", "-nttt --nano",
	"--count -n", "-n -l -U -p -c 500", "-nn -s 96 -c 500",
}

// nameFlags are those that print names. They are for the recordings and
// newNamedCorpus, whose only host is localhost: other addresses would ask a name
// server.
var nameFlags = []string{"", "-Ne", "-Nvv", "-q", "-A"}

// oddFlags are those for the many cut and changed packets.
var oddFlags = []string{"-n", "-nvv", "-nev", "-nqv", "-nXX", "-nA"}

// For longer runs by hand.
var (
	seed    = flag.Uint64("wstap.seed", 7, "seed of the random packets")
	mutants = flag.Int("wstap.mutants", defaultMutants(), "number of changed packets")
	keepIn  = flag.String("wstap.keep", "", "directory to leave the corpus in")
)

// TestSameOutput compares what both programs print for the corpus.
func TestSameOutput(t *testing.T) {
	tcpdump := oracle(t)
	dir := t.TempDir()
	if *keepIn != "" {
		dir = *keepIn
	}
	variants := map[string][]string{}
	for _, file := range writeCorpus(t, dir, newCorpus(*seed, *mutants).samples) {
		variants[file] = numericFlags
		if strings.HasSuffix(file, "-odd.pcap") {
			variants[file] = oddFlags
		}
	}
	named := filepath.Join(dir, "named")
	if err := os.MkdirAll(named, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range writeCorpus(t, named, newNamedCorpus().samples) {
		variants[file] = nameFlags
	}
	recordings, _ := filepath.Glob("../../websocket/testdata/*.pcap*")
	if len(recordings) == 0 {
		t.Error("the recordings are not there")
	}
	for _, r := range recordings {
		variants[unpack(t, dir, r)] = slices.Concat(numericFlags, nameFlags)
	}
	for file, list := range variants {
		for _, v := range list {
			t.Run(strings.TrimPrefix(file, dir)+" "+v, func(t *testing.T) {
				t.Parallel()
				compare(t, tcpdump, append(strings.Fields(v), "-r", file))
			})
		}
	}
}

// compare runs both programs and tells the first lines that differ.
func compare(t *testing.T, tcpdump string, args []string) {
	t.Helper()
	var wantOut, wantErr, gotOut, gotErr bytes.Buffer
	cmd := exec.Command(tcpdump, args...)
	cmd.Stdout, cmd.Stderr = &wantOut, &wantErr
	wantStatus := 0
	if err := cmd.Run(); err != nil {
		wantStatus = cmd.ProcessState.ExitCode()
	}
	gotStatus := run(context.Background(), args, nil, &gotOut, &gotErr)
	if gotStatus != wantStatus {
		t.Errorf("%v: exit status %d, want %d", args, gotStatus, wantStatus)
	}
	if gotErr.String() != wantErr.String() {
		t.Errorf("%v: standard error\ngot  %q\nwant %q", args, gotErr.String(), wantErr.String())
	}
	if bytes.Equal(gotOut.Bytes(), wantOut.Bytes()) {
		return
	}
	got, want := strings.Split(gotOut.String(), "\n"), strings.Split(wantOut.String(), "\n")
	for told, i := 0, 0; i < max(len(got), len(want)) && told < 4; i++ {
		g, w := "(end)", "(end)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%v: line %d\ngot  %q\nwant %q", args, i+1, g, w)
			told++
			if len(got) != len(want) {
				break // what follows is shifted
			}
		}
	}
}

// writeCorpus writes one file for each link type.
func writeCorpus(t *testing.T, dir string, samples []sample) []string {
	t.Helper()
	writers := make(map[string]*pcapfile.Writer)
	var files []string
	for _, s := range samples {
		if !fair(&s) {
			continue
		}
		name := filepath.Join(dir, s.link.String()+".pcap")
		if s.odd {
			name = filepath.Join(dir, s.link.String()+"-odd.pcap")
		}
		w := writers[name]
		if w == nil {
			files = append(files, name)
			var err error
			if w, err = pcapfile.Create(name, s.link, &pcapfile.WriterConfig{Format: pcapfile.Pcap}); err != nil {
				t.Fatal(err)
			}
			writers[name] = w
		}
		if err := w.WriteFrame(&capture.Frame{Data: s.data, Length: s.wire, Time: s.time, Link: s.link}); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range writers {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// fair says that a frame has nothing in it that only tcpdump dissects.
func fair(s *sample) bool {
	for _, v := range []int{0, 1, 2} {
		p := newPrinter(options{n: 1, v: v})
		p.print(&capture.Frame{Data: s.data, Length: s.wire, Time: s.time, Link: s.link}, 1)
		if p.passed {
			return false
		}
	}
	return true
}

func unpack(t *testing.T, dir, name string) string {
	t.Helper()
	r, err := pcapfile.Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := filepath.Join(dir, strings.TrimSuffix(filepath.Base(name), ".gz"))
	w, err := pcapfile.Create(out, r.Info().Link, &pcapfile.WriterConfig{Format: pcapfile.Pcap, SnapLen: r.Info().SnapLen})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for f, err := range capture.Frames(r) {
		if err == nil {
			err = w.WriteFrame(f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
