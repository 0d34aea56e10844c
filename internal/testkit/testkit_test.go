package testkit_test

import (
	"testing"

	"github.com/wstap/wstap/internal/testkit"
)

func TestRounds(t *testing.T) {
	for _, test := range []struct{ env, expected string }{{"", "usual"}, {"1", "long"}} {
		t.Setenv(testkit.LongEnv, test.env)
		if testing.Short() {
			test.expected = "short"
		}
		if s := testkit.Rounds("usual", "short", "long"); s != test.expected {
			t.Errorf("%s=%q: %s, should be %s", testkit.LongEnv, test.env, s, test.expected)
		}
		if testkit.Long() != (test.env != "") {
			t.Errorf("%s=%q: Long is %v", testkit.LongEnv, test.env, testkit.Long())
		}
	}
}
