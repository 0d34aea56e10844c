package jsonl

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAppendNumber(t *testing.T) {
	check := func(n int64) {
		if got, want := string(appendNumber([]byte("a"), n)), "a"+strconv.FormatInt(n, 10); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for n := int64(-1100); n < 1100; n++ {
		check(n)
	}
	for _, n := range []int64{math.MinInt64, math.MaxInt64, 9_999_999} {
		check(n)
	}
	if got := string(appendNumber(nil, uint64(math.MaxUint64))); got != strconv.FormatUint(math.MaxUint64, 10) {
		t.Error(got)
	}
}

func TestAppendAddr(t *testing.T) {
	for _, s := range []string{"0.0.0.0:0", "1.20.255.100:65535", "10.9.99.109:80", "[::1]:443", "[::ffff:1.2.3.4]:5"} {
		if got := string(appendAddr(nil, netip.MustParseAddrPort(s))); got != `"`+s+`"` {
			t.Errorf("%s, want %s", got, s)
		}
	}
}

func TestAppendFraction(t *testing.T) {
	for _, nano := range []int{0, 1, 9, 10, 999_999_999, 100_000_000, 1_000, 120_340_000, 5_000_001} {
		at := time.Unix(1, int64(nano)).UTC()
		_, want, _ := strings.Cut(at.Format(time.RFC3339Nano), ":00:01")
		if got := string(appendFraction(nil, nano)); got != want+`"` {
			t.Errorf("%d: %s, want %s", nano, got, want)
		}
	}
}
