package websocket

import (
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// A stream is one direction of a connection of a recording.
type stream struct {
	client, server netip.AddrPort
	from           Direction
}

// listen returns the messages of frames.
func listen(t *testing.T, s *frameSource, cfg *Config) (all map[stream][]*Message) {
	t.Helper()
	all = make(map[stream][]*Message)
	cfg.Reassembly = &reassembly.Config{Tunnels: reassembly.AllTunnels}
	for e, err := range NewTap(s, cfg).Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := e.(*Message); ok {
			k := stream{m.Conn.Client, m.Conn.Server, m.From}
			all[k] = append(all[k], m.Clone())
		}
	}
	return all
}

// TestLateRecordings begins each recording at each of its first 200 packets: what is
// given of a direction is the end of what was said in it.
func TestLateRecordings(t *testing.T) {
	var files []string
	for _, dir := range []string{"testdata", "../export/jsonl/testdata", "../examples/wsdump", "../examples/wsdump/testdata"} {
		for _, ext := range []string{"*.pcap", "*.pcap.gz"} {
			found, _ := filepath.Glob(dir + "/" + ext)
			files = append(files, found...)
		}
	}
	if len(files) < 9 {
		t.Fatalf("only %q", files)
	}
	for _, file := range files {
		for _, only := range []bool{false, true} {
			t.Run(file, func(t *testing.T) {
				src, err := pcapfile.Open(file, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer src.Close()
				s := readFrames(t, src)
				whole := listen(t, &frameSource{link: s.link, frames: s.frames}, &Config{})
				given, sent := 0, 0
				for cut := 1; cut <= min(200, len(s.frames)-1); cut += testkit.Rounds(3, 20, 1) {
					rest := &frameSource{link: s.link, frames: s.frames[cut:]}
					late := listen(t, rest, &Config{OnlyWebSocket: only})
					for k, got := range late {
						want := slices.Clone(whole[k])
						if slices.ContainsFunc(want, func(w *Message) bool { return w.Conflict }) {
							continue // which of two versions was sent depends on what was seen
						}
						got = slices.DeleteFunc(got, func(m *Message) bool {
							if m.Truncated { // its beginning was not captured, or was lost
								want = slices.DeleteFunc(want, func(w *Message) bool { return w.Time.Equal(m.Time) && (w.Frames > 1 || w.Truncated) })
							}
							return m.Truncated
						})
						want = slices.DeleteFunc(want, func(w *Message) bool { return w.Truncated })
						if len(want) == 0 && only { // refused, but the user says that all are WebSockets
							continue
						}
						if len(got) > len(want) {
							t.Errorf("from packet %d, %v: %d messages of %d", cut, k, len(got), len(want))
							continue
						}
						want = want[len(want)-len(got):]
						for i, m := range got {
							if w := want[i]; !agrees(m, w.Opcode, w.Payload) || !m.Time.Equal(w.Time) {
								t.Errorf("from packet %d, %v: %s, want %s", cut, k, describeMessage(m), describeMessage(w))
								break
							}
						}
						given += len(got)
					}
					for _, want := range whole {
						if slices.ContainsFunc(want, func(w *Message) bool { return w.Conflict }) {
							continue
						}
						for _, m := range want {
							if !m.Truncated && !m.Time.Before(s.frames[cut].Time) {
								sent++
							}
						}
					}
				}
				t.Logf("%d messages of %d", given, sent)
				if given < sent*3/4 {
					t.Errorf("%d messages of %d", given, sent)
				}
			})
		}
	}
}
