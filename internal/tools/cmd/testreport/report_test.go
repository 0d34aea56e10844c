package main

import (
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"m/a"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"noise of what passed\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood","Elapsed":2.5}
{"Action":"output","Package":"m/a","Test":"TestNot","Output":"=== RUN   TestNot\n"}
{"Action":"output","Package":"m/a","Test":"TestNot","Output":"    a_test.go:3: no tcpdump\n"}
{"Action":"output","Package":"m/a","Test":"TestNot","Output":"--- SKIP: TestNot (0.00s)\n"}
{"Action":"skip","Package":"m/a","Test":"TestNot","Elapsed":0}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"pass","Package":"m/a","Elapsed":2.6}
{"Action":"skip","Package":"m/none","Elapsed":0}
`

const failure = `{"Action":"output","Package":"m/b","Test":"TestGood","Output":"noise of what passed\n"}
{"Action":"pass","Package":"m/b","Test":"TestGood","Elapsed":0.5}
{"Action":"output","Package":"m/b","Test":"TestBad","Output":"    b_test.go:4: it is wrong\n"}
{"Action":"fail","Package":"m/b","Test":"TestBad","Elapsed":0}
{"Action":"fail","Package":"m/b","Elapsed":0.1}
`

func TestReport(t *testing.T) {
	const passed = "ok   m/a 2.6s\n"
	const end = "skipped m/a TestNot: a_test.go:3: no tcpdump\nslow m/a TestGood 2.5s\n"
	for _, test := range []struct {
		name, in, out string
		ok            bool
	}{
		{"passed", events, passed + end + "1 packages passed, 0 failed; 1 tests skipped\n", true},
		{"failed", events + failure, passed + "    b_test.go:4: it is wrong\nFAIL m/b\n" + end + "1 packages passed, 1 failed; 1 tests skipped\n", false},
		{"not built", `{"ImportPath":"m/c","Action":"build-output","Output":"c.go:1: no\n"}
{"ImportPath":"m/c","Action":"build-fail"}
{"Action":"start","Package":"m/c"}
{"Action":"output","Package":"m/c","Output":"FAIL\tm/c [build failed]\n"}
{"Action":"fail","Package":"m/c","Elapsed":0,"FailedBuild":"m/c"}
`, "c.go:1: no\nFAIL\tm/c [build failed]\nFAIL m/c\n0 packages passed, 1 failed; 0 tests skipped\n", false},
		{"cut off", `{"Action":"start","Package":"m/a"}
{"Action":"output","Package":"m/a","Test":"TestHangs","Output":"at work\n"}
`, "at work\nFAIL m/a\n0 packages passed, 1 failed; 0 tests skipped\n", false},
		{"nothing", "", "0 packages passed, 0 failed; 0 tests skipped\n", false},
		{"no events", "go: no such package\n", "go: no such package\n0 packages passed, 0 failed; 0 tests skipped\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			ok, err := report(strings.NewReader(test.in), &out)
			if err != nil {
				t.Fatal(err)
			}
			if ok != test.ok || out.String() != test.out {
				t.Errorf("ok %v, report\n%s\nshould be ok %v, report\n%s", ok, out.String(), test.ok, test.out)
			}
		})
	}
}
