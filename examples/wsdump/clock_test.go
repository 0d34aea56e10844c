package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestClockSet: whatever the clock of a capture did, its messages are told, with
// times that JSON's readers take.
func TestClockSet(t *testing.T) {
	recording := unpacked(t, recordings[0])
	for name, second := range map[string]func(i int, s uint32) uint32{
		"1970":              func(i int, s uint32) uint32 { return 0 },
		"2106":              func(i int, s uint32) uint32 { return 1<<32 - 1 },
		"over the end":      func(i int, s uint32) uint32 { return 1<<32 - 30 + uint32(i) },
		"set ahead":         func(i int, s uint32) uint32 { return s + uint32(i/40)*1e9 },
		"set back":          func(i int, s uint32) uint32 { return s - uint32(i/40)*1e9 },
		"to and fro":        func(i int, s uint32) uint32 { return s - uint32(i%2)*1e9 },
		"one packet astray": func(i int, s uint32) uint32 { return s + uint32(max(0, 1-max(i-30, 30-i)))*2e9 },
		"backwards":         func(i int, s uint32) uint32 { return s - uint32(i)*3600 },
	} {
		file := bytes.Clone(recording)
		for i, at := 0, 24; at < len(file); i++ {
			le := binary.LittleEndian
			le.PutUint32(file[at:], second(i, le.Uint32(file[at:])))
			at += 16 + int(le.Uint32(file[at+8:]))
		}
		r := mustWork(t, "-r", tempFile(t, file), "--json")
		if !strings.Contains(r.stderr, "18 messages on 2 connections\n") || strings.Contains(r.stdout, `"gap"`) {
			t.Errorf("%s: %s", name, r.stderr)
		}
		for line := range strings.Lines(r.stdout) {
			var e struct{ Time, Start time.Time }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Errorf("%s: %v: %.200s", name, err, line)
			}
		}
	}
}
