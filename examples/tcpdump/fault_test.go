package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// full takes a number of bytes, as a full disk does.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	n := min(f.room, len(b))
	if f.room -= n; n < len(b) {
		return n, errors.New("no space left")
	}
	return n, nil
}

// TestFull: output that finds no room is a failure, told once.
func TestFull(t *testing.T) {
	const file = "../../websocket/testdata/workerman-chat-lo.pcap.gz"
	for _, args := range [][]string{{"-w", "-"}, {"-n"}, {"-nl"}, {"-w", "-", "-U"}} {
		for _, room := range []int{0, 10, 3000, 10000} {
			var stderr bytes.Buffer
			status := run(t.Context(), append(args, "-r", file), nil, &full{room}, &stderr)
			if status != 1 || strings.Count(stderr.String(), "no space left") != 1 {
				t.Errorf("%q, room for %d bytes: exit status %d, %s", args, room, status, &stderr)
			}
		}
	}
}
