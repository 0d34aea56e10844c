//go:build zlib

package peers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkZlib inflates the same messages with takeover here and in C programs with
// zlib and with zlib-ng, turn by turn, and reports the least that a message took of each:
//
//	go test -tags zlib -run '^$' -bench Zlib -benchtime 1x .
//
// It needs a C compiler, pkg-config and Debian's zlib1g-dev. zlib-ng, which not every
// distribution has, takes part where pkg-config finds it: PKG_CONFIG_PATH names the
// directory of the zlib-ng.pc of one that was built and installed anywhere.
func BenchmarkZlib(b *testing.B) {
	dir := b.TempDir()
	var programs []string
	for _, lib := range []string{"zlib", "zlib-ng"} {
		flags, err := exec.Command("pkg-config", "--cflags", "--libs", lib).Output()
		if err != nil && lib == "zlib-ng" {
			b.Log("pkg-config does not find zlib-ng, which is left out")
			continue
		}
		if err != nil {
			b.Fatalf("pkg-config %s: %v", lib, err)
		}
		program := filepath.Join(dir, lib)
		args := append([]string{"-O2", "-o", program, "testdata/" + lib + ".c"}, strings.Fields(string(flags))...)
		if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
			b.Fatalf("cc %q: %v\n%s", args, err, out)
		}
		programs = append(programs, program)
	}
	for _, level := range []int{1, 6} {
		for _, size := range []int{60, 200, 600, 4000, 65536} {
			b.Run(fmt.Sprintf("level=%d/size=%d", level, size), func(b *testing.B) { besideZlib(b, programs, level, size) })
		}
	}
}

func besideZlib(b *testing.B, programs []string, level, size int) {
	n := min(4<<20/size, 10000)
	streams := max(n/50, 2)
	msgs := pack(size, level, streams, n, true)
	var in bytes.Buffer
	put := func(v int) { binary.Write(&in, binary.NativeEndian, uint32(v)) }
	put(streams)
	put(n)
	for _, m := range msgs {
		put(len(m.src))
		put(len(m.want))
		in.Write(m.src)
	}
	ours, theirs := math.Inf(1), map[string]float64{}
	inflate := inflaters[0].make(streams)
	for range b.N {
		for range 10 {
			for range rounds {
				ours = min(ours, inflateAll(b, inflate, msgs, streams, size))
			}
			for _, program := range programs {
				cmd := exec.Command(program, strconv.Itoa(rounds))
				cmd.Stdin, cmd.Stderr = bytes.NewReader(in.Bytes()), os.Stderr
				out, err := cmd.Output()
				if err != nil {
					b.Fatal(err)
				}
				var t float64
				if _, err := fmt.Sscan(string(out), &t); err != nil {
					b.Fatalf("%q: %v", out, err)
				}
				name := filepath.Base(program)
				if least, ok := theirs[name]; !ok || t < least {
					theirs[name] = t
				}
			}
		}
	}
	b.ReportMetric(ours, "ns/wstap")
	for name, t := range theirs {
		b.ReportMetric(t, "ns/"+name)
		b.ReportMetric(t/ours, name+"/wstap")
	}
}

// rounds are of one turn: the first warms the caches.
const rounds = 3

// inflateAll inflates all messages, and returns nanoseconds a message.
func inflateAll(b *testing.B, inflate inflater, msgs []packed, streams, size int) float64 {
	out := make([]byte, size)
	start := time.Now()
	for i, m := range msgs {
		if err := inflate(m.src, out, i%streams, i < streams); err != nil {
			b.Fatal(err)
		}
	}
	return float64(time.Since(start).Nanoseconds()) / float64(len(msgs))
}
