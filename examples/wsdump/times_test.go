package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func stamperOf(t *testing.T, args string) *stamper {
	t.Helper()
	o, err := parse(strings.Fields(args))
	if err != nil {
		t.Fatal(err)
	}
	s := newTextPrinter(o, nil).times
	s.zone = time.UTC
	return &s
}

// TestOddTimes: clocks that were set, and times that only a file can tell.
func TestOddTimes(t *testing.T) {
	for _, tt := range []struct {
		args string
		t    []time.Time
		want string // of the last
	}{
		{"-tt", []time.Time{time.Unix(-5, 250e6)}, "-4.750000 "},
		{"-tt", []time.Time{time.Unix(-1, 250e6)}, "-0.750000 "},
		{"-tt", []time.Time{time.Unix(-1, 0)}, "-1.000000 "},
		{"-tt", []time.Time{time.Unix(math.MinInt64, 0)}, "-9223372036854775808.000000 "},
		{"-ttt", []time.Time{testTime, testTime.Add(-time.Hour)}, "-01:00:00.000000 "},
		{"-ttt", []time.Time{testTime, testTime.Add(1000*time.Hour + time.Second)}, "1000:00:01.000000 "},
		{"-ttttt", []time.Time{testTime.AddDate(1000, 0, 0), testTime}, "-2562047:47:16.854775 "},
		{"-ttttt", []time.Time{testTime, testTime.AddDate(1000, 0, 0)}, "2562047:47:16.854775 "},
	} {
		s := stamperOf(t, tt.args)
		got := ""
		for _, at := range tt.t {
			got = string(s.append(nil, at))
		}
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.t, got, tt.want)
		}
	}
}

// TestTimes compares with package time.
func TestTimes(t *testing.T) {
	micro, nano := stamperOf(t, ""), stamperOf(t, "-tttt --nano")
	micro.zone = time.FixedZone("", 8*3600)
	for _, d := range []time.Duration{0, 1, 999, 1e6, 1e9 - 1, 1e9, 86400e9, -1, -1e9, -5000 * time.Hour} {
		at := testTime.Add(d)
		if got, want := string(micro.append(nil, at)), at.In(micro.zone).Format("15:04:05.000000 "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := string(nano.append(nil, at)), at.Format("2006-01-02 15:04:05.000000000 "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestElapsed(t *testing.T) {
	for args, want := range map[string]string{
		"-ttt":   "00:00:00.000000 00:00:01.500000 -00:00:00.500000 ",
		"-ttttt": "00:00:00.000000 00:00:01.500000 00:00:01.000000 ",
	} {
		s := stamperOf(t, args)
		var got []byte
		for _, d := range []time.Duration{0, 1500 * time.Millisecond, time.Second} {
			got = s.append(got, testTime.Add(d))
		}
		if string(got) != want {
			t.Errorf("%s: got %q, want %q", args, got, want)
		}
	}
}
