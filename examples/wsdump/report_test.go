package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/reassembly"
	"github.com/wstap/wstap/websocket"
)

func TestClosingLines(t *testing.T) {
	usual := "0 messages on 0 connections\n0 packets captured\n0 packets received by filter\n0 packets dropped by kernel\n0 bytes lost in gaps\n" +
		"no messages: no packet passed the filter\n"
	all := websocket.Stats{
		Capture: capture.Stats{Captured: 90, Received: 105, Dropped: 12, Skipped: 3, Freezes: 2,
			FirstDrop: time.Date(2026, 11, 22, 18, 16, 32, 755341000, time.Local)},
		Undecoded: 1, Guessed: 1,
		Reassembly: reassembly.Stats{Packets: 89, Segments: 80, Stray: 2, Fragments: 5, Other: 3, Reassembled: 1,
			FragmentUsed: 2, FragmentDropped: 3, Bytes: 1000, Delivered: 800, Queued: 150, Discarded: 50, Cut: 17, Gaps: 2, Gapped: 1500,
			Flows: 2, Active: 1, Ended: [6]uint64{reassembly.Evicted: 1}},
		HTTPBytes: 300, HeaderBytes: 20, PayloadBytes: 400, SkippedBytes: 70, HeldBytes: 10,
		Messages: 5, MessageDropped: 1, GivenUp: 1, WindowsDropped: 2, Conns: 1, LostBytes: 1460,
		Traffic: [2]websocket.Counts{{Text: 4, Truncated: 1, Undecoded: 1}, {Binary: 4, Undecoded: 1, Conflicts: 1}},
	}
	rare := `5 messages on 1 connection
90 packets captured
105 packets received by filter
12 packets dropped by kernel
1460 bytes lost in gaps
1 packet that cannot be decoded
1 frame said to be Ethernet but beginning with an IP header, and read as IP
3 IP fragments of packets that were never whole
17 bytes cut off by the snapshot length
50 bytes given up while what came before them was missing
150 bytes waiting for what comes before them
10 bytes waiting to be understood
70 bytes skipped, in which there are no frames
2 TCP connections given up for want of room
2 histories of compressed messages given up for want of room
1 message truncated
2 messages that cannot be inflated
1 message of which there are two versions
2 times the ring was full
the first packet dropped after 2026-11-22 18:16:32.755341
`
	accounts := `105 packets received by filter:
	90 captured
	12 dropped by kernel
	3 refused by a later filter
90 packets captured:
	1 not decoded
	89 decoded
90 packets decoded or put together:
	80 TCP segments of a connection
	2 TCP segments of none
	5 IP fragments
	3 other
5 IP fragments:
	2 put together
	3 dropped
2 TCP connections:
	1 active
	1 ended: evicted
1000 TCP bytes:
	800 delivered
	150 waiting behind a hole
	50 given up
800 bytes delivered, or opened:
	300 HTTP
	20 frame headers
	400 frame payload
	70 skipped
	10 waiting to be read
8 messages:
	5 given out
	1 dropped
	2 on the way
1500 bytes missing from 2 places in TCP connections of all kinds
`
	for _, tt := range []struct {
		verbose int
		stats   websocket.Stats
		want    string
	}{{0, websocket.Stats{}, usual}, {1, websocket.Stats{}, usual}, {0, all, rare}, {1, all, rare + accounts}} {
		var b strings.Builder
		(&options{verbose: tt.verbose}).printStats(&b, tt.stats)
		if b.String() != tt.want {
			t.Errorf("-v %d: got\n%swant\n%s", tt.verbose, b.String(), tt.want)
		}
	}
}

// checkAccounts adds up the accounts that -v shows.
func checkAccounts(t testing.TB, stderr string) {
	t.Helper()
	heading := regexp.MustCompile(`(?m)^(\d+) (.*):\n((?:\t\d+ .*\n)+)`)
	n := 0
	for _, account := range heading.FindAllStringSubmatch(stderr, -1) {
		total, _ := strconv.Atoi(account[1])
		for line := range strings.Lines(account[3]) {
			var part int
			if _, err := fmt.Sscan(line, &part); err != nil {
				t.Error(err)
			}
			total -= part
			if strings.Contains(line, " on the way") || strings.Contains(line, " waiting") {
				t.Errorf("left at the end: %s", line)
			}
		}
		if total != 0 {
			t.Errorf("%d are missing: %s", total, account[0])
		}
		n++
	}
	if n < 5 {
		t.Errorf("%d accounts: %s", n, stderr)
	}
}

func TestAccountsShown(t *testing.T) {
	for _, name := range recordings {
		for _, args := range [][]string{{"-q"}, {"--json"}, {"--count"}, {"-c", "3"}, {"--count", "port", "36534"}} {
			checkAccounts(t, mustWork(t, append([]string{"-v", "-r", name}, args...)...).stderr)
		}
	}
}
