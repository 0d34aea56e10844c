//go:build zlib

package peers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkZlib inflates the same messages with takeover here and in a C program with
// zlib, turn by turn, and reports the least that a message took of each:
//
//	go test -tags zlib -run '^$' -bench Zlib -benchtime 1x .
//
// It needs a C compiler and Debian's zlib1g-dev; CC_LIBS names another library, as a
// zlib-ng that was built to replace zlib.
func BenchmarkZlib(b *testing.B) {
	program := filepath.Join(b.TempDir(), "zlib")
	args := append([]string{"-O2", "-o", program, "testdata/zlib.c"}, strings.Fields(libs())...)
	if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
		b.Fatalf("cc %q: %v\n%s", args, err, out)
	}
	for _, level := range []int{1, 6} {
		for _, size := range []int{60, 200, 600, 4000} {
			b.Run(fmt.Sprintf("level=%d/size=%d", level, size), func(b *testing.B) {
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
				ours, zlib := 1e300, 1e300
				inflate := inflaters[0].make(streams)
				for range b.N {
					for range 10 {
						for range rounds {
							ours = min(ours, inflateAll(b, inflate, msgs, streams, size))
						}
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
						zlib = min(zlib, t)
					}
				}
				b.ReportMetric(ours, "ns/wstap")
				b.ReportMetric(zlib, "ns/zlib")
				b.ReportMetric(zlib/ours, "zlib/wstap")
			})
		}
	}
}

// rounds are of one turn: the first warms the caches.
const rounds = 3

func libs() string {
	if v := os.Getenv("CC_LIBS"); v != "" {
		return v
	}
	return "-lz"
}

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
