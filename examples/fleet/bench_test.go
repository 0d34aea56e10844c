package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkTap has a tap send a recording to an engine on the same machine, and beside
// it, in the same run, wsdump --json write it to /dev/null. x/wsdump is the part of
// wsdump's speed that the tap has.
func BenchmarkTap(b *testing.B) {
	const conns, messages = 100, 500000
	wsdump := filepath.Join(b.TempDir(), "wsdump")
	build := exec.Command("go", "build", "-o", wsdump, "./examples/wsdump")
	build.Dir = "../.." // the module that it is in
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	file := recording(b, conns, messages)
	addr := freePort(b)
	serve(b, addr, b.TempDir())
	var tap, dump time.Duration
	for b.Loop() {
		began := time.Now()
		p := fleet(b, "tap", "--nats", "nats://"+addr, "--name", "a", "--spool", b.TempDir(), "-r", file)
		if err := p.Wait(); err != nil {
			b.Fatal(p.errs.String())
		}
		tap += time.Since(began)

		began = time.Now()
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		other := exec.Command(wsdump, "--json", "-r", file)
		other.Stdout = null
		if err := other.Run(); err != nil {
			b.Fatal(err)
		}
		null.Close()
		dump += time.Since(began)
	}
	b.ReportMetric(float64(messages*b.N)/tap.Seconds(), "messages/s")
	b.ReportMetric(float64(dump)/float64(tap), "x/wsdump")
}
