package websocket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// checkAccounts fails for each account that does not balance once the Tap has
// ended and, where the source was read to its end, for what is still waiting.
func checkAccounts(t testing.TB, name string, s Stats, end bool) {
	t.Helper()
	for _, a := range s.Accounts() {
		missing := int64(a.Total)
		for _, p := range a.Parts {
			missing -= int64(p.N)
			if p.Level && p.N != 0 && (end || p.Name == "on the way") {
				t.Errorf("%s: of %d %s %d are left over: %s", name, a.Total, a.Name, p.N, p.Name)
			}
		}
		if missing != 0 {
			t.Errorf("%s: of %d %s %d are missing: %+v", name, a.Total, a.Name, missing, a.Parts)
		}
	}
	if n := s.Traffic[0].LostBytes + s.Traffic[1].LostBytes; n != s.LostBytes {
		t.Errorf("%s: %d bytes lost, %d of them by a direction", name, s.LostBytes, n)
	}
	if end && (s.Active != 0 || s.Reassembly.TimeWait != 0 || s.Reassembly.Memory != 0 || s.BufferedBytes != 0 || s.WindowBytes != 0) {
		t.Errorf("%s: %d connections and %d, %d and %d bytes of memory are left over", name, s.Active, s.Reassembly.Memory, s.BufferedBytes, s.WindowBytes)
	}
}

// captureFiles returns every capture file in the module, those among the seeds
// of fuzz targets included, by name.
func captureFiles(t *testing.T) map[string][]byte {
	files := map[string][]byte{}
	add := func(name string, b []byte) {
		if r, err := pcapfile.NewReader(bytes.NewReader(b), nil); err == nil {
			r.Close()
			files[name] = b
		}
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		add(path, b)
		if bytes.HasPrefix(b, []byte("go test fuzz v1\n")) {
			for i, line := range strings.Split(string(b), "\n") {
				quoted, _ := strings.CutPrefix(strings.TrimSuffix(line, ")"), "[]byte(")
				if seed, err := strconv.Unquote(quoted); err == nil {
					add(fmt.Sprintf("%s line %d", path, i+1), []byte(seed))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// save writes frames to a capture file.
func save(t testing.TB, s *frameSource) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, s.link, &pcapfile.WriterConfig{Format: pcapfile.Pcapng})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.frames {
		if err := w.WriteFrame(&s.frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// damage drops, repeats, reorders and cuts frames, and flips bits in them.
func damage(r *rand.Rand, s *frameSource) *frameSource {
	out := &frameSource{link: s.link}
	for _, f := range s.frames {
		f.Data = bytes.Clone(f.Data)
		switch n := len(f.Data); r.IntN(20) {
		case 0:
			continue
		case 1:
			out.frames = append(out.frames, f)
		case 2: // by a snapshot length
			f.Data = f.Data[:r.IntN(n+1)]
		case 3: // for good
			f.Data = f.Data[:r.IntN(n+1)]
			f.Length = len(f.Data)
		case 4:
			if n > 0 {
				f.Data[r.IntN(min(n, 100))] ^= 1 << r.IntN(8)
			}
		}
		out.frames = append(out.frames, f)
		if i := len(out.frames) - 1; r.IntN(10) == 0 {
			j := max(0, i-r.IntN(20))
			out.frames[i], out.frames[j] = out.frames[j], out.frames[i]
		}
	}
	return out
}

// readModes are the ways to read a Tap to its end. They return what was given
// out, as far as the way tells.
var readModes = []struct {
	name string
	read func(*Tap) (Stats, error)
}{
	{"Count", func(tap *Tap) (s Stats, err error) {
		err = tap.Count(context.Background())
		return tap.Stats(), err
	}},
	{"Messages", func(tap *Tap) (s Stats, err error) {
		n := uint64(0)
		for range tap.Messages(context.Background()) {
			n++
		}
		s = tap.Stats()
		s.Messages = n
		return s, tap.Err()
	}},
	{"Events", func(tap *Tap) (s Stats, err error) {
		var told Stats
		for e, err := range tap.Events(context.Background()) {
			switch e := e.(type) {
			case *Open:
				told.Conns++
			case *End:
				told.Active++
			case *Gap:
				told.LostBytes += uint64(e.Bytes)
			case *Message:
				told.Messages++
			}
			if err != nil {
				return s, err
			}
		}
		s = tap.Stats()
		if told.Active != told.Conns {
			return s, fmt.Errorf("%d connections opened, %d ended", told.Conns, told.Active)
		}
		s.Conns, s.LostBytes, s.Messages = told.Conns, told.LostBytes, told.Messages
		return s, nil
	}},
}

// readAllWays reads a capture file in every way and checks the accounts. All
// ways of one filter have to agree in what passes.
func readAllWays(t *testing.T, name string, file []byte) {
	t.Helper()
	for _, expr := range []string{"", "tcp", "tcp[tcpflags] & tcp-push != 0"} {
		var first *Stats
		for _, workers := range []int{1, 3} {
			for _, mode := range readModes {
				name := fmt.Sprintf("%s: %s with %d workers, filter %q", name, mode.name, workers, expr)
				src, err := pcapfile.NewReader(bytes.NewReader(file), &pcapfile.Config{Workers: workers, Filter: expr})
				var mistake *filter.Error
				if errors.As(err, &mistake) {
					return // not for this link type
				}
				if err != nil {
					t.Fatal(name, err)
				}
				tap := NewTap(src, &Config{Reassembly: &reassembly.Config{Tunnels: reassembly.AllTunnels}})
				st, err := mode.read(tap)
				var damaged *pcapfile.Error
				if err != nil && !errors.As(err, &damaged) {
					t.Error(name, err)
				}
				if damaged != nil { // Events did not come to count
					st = tap.Stats()
				}
				checkAccounts(t, name, st, true)
				if first == nil {
					first = &st
				} else if workers == 1 && st.Traffic != first.Traffic {
					t.Errorf("%s: counts %+v; Count has %+v", name, st.Traffic, first.Traffic)
				} else if workers == 1 && (st.Messages != first.Messages || st.Reassembly.Delivered != first.Reassembly.Delivered) {
					t.Errorf("%s: %d messages of %d bytes; Count has %d of %d", name, st.Messages, st.Reassembly.Delivered,
						first.Messages, first.Reassembly.Delivered)
				}
			}
		}
	}
}

// TestAccounts: over every capture file of the module, each packet and byte is
// in one of the accounts.
func TestAccounts(t *testing.T) {
	files := captureFiles(t)
	if len(files) < 10 {
		t.Errorf("only %d capture files found", len(files))
	}
	for name, b := range files {
		readAllWays(t, name, b)
	}
}

// TestAccountsDamaged: the same after frames were lost, repeated, reordered, cut
// and changed, for the recordings and for generated conversations.
func TestAccountsDamaged(t *testing.T) {
	sources := map[string]*frameSource{}
	for _, name := range recordings {
		sources[name] = resegment(t, readFrames(t, openRecording(t, name)), 1400)
	}
	for i, l := range loads {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		c, _ := converse(r, 15, []string{response, deflated}[i&1], i&2 == 0, l.make)
		sources[l.name] = source(c)
	}
	h2, _ := http2Streams()
	c := packetgen.NewConversation()
	c.Open()
	for dir, b := range h2 {
		c.Send(packetgen.Side(dir), b, 70, 300, 500)
	}
	sources["HTTP/2"] = source(c)
	c = packetgen.NewConversation()
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"))
	for range 10 {
		c.Send(packetgen.Server, []byte("what is no HTTP any more"))
		urgent := c.Segment(packetgen.Client, decode.ACK, nil, []byte("urgent"))
		urgent.TCP.Flags |= decode.URG
		urgent.TCP.Urgent = 3
		urgent.Frame = urgent.TCP.Frame()
	}
	c.Reset(packetgen.Server)
	c.Send(packetgen.Client, []byte("too late"))
	sources["refused"] = source(c)
	seeds := testkit.Rounds(2, 1, 20)
	for name, s := range sources {
		for seed := range seeds {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			readAllWays(t, fmt.Sprintf("%s, seed %d", name, seed), save(t, damage(r, s)))
		}
	}
}

// TestAccountsEarly: they balance as well where the reader breaks off, or the
// context is done, in the middle.
func TestAccountsEarly(t *testing.T) {
	c, _ := converse(rand.New(rand.NewPCG(1, 1)), 2000, response, true, loads[0].make) // several messages in a segment
	file := save(t, source(c))
	for _, workers := range []int{1, 3} {
		src, err := pcapfile.NewReader(bytes.NewReader(file), &pcapfile.Config{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		tap, n := NewTap(src, nil), uint64(0)
		for e := range tap.Events(t.Context()) {
			if _, ok := e.(*Message); ok {
				if n++; n == 100 {
					break
				}
			}
		}
		st := tap.Stats()
		st.Messages = n
		checkAccounts(t, "broken off", st, true)
		if worked := st.Undecoded + st.Reassembly.Packets; st.Capture.Captured != worked {
			t.Errorf("broken off: %d packets captured, %d worked on", st.Capture.Captured, worked)
		}

		for _, mode := range []string{"Messages", "Count"} {
			src, err := pcapfile.NewReader(bytes.NewReader(file), &pcapfile.Config{Workers: workers})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			tap := NewTap(&cancelling{Sharded: src, cancel: cancel, after: 500}, &Config{Buffer: 10})
			if mode == "Messages" {
				n := uint64(0)
				for range tap.Messages(ctx) {
					n++
				}
				st = tap.Stats()
				st.Messages = n
			} else {
				if err := tap.Count(ctx); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				st = tap.Stats()
			}
			cancel()
			checkAccounts(t, mode+" cancelled", st, false)
		}
	}
}

// A cancelling source cancels the context of its reader after some frames.
type cancelling struct {
	capture.Sharded
	cancel func()
	after  int
}

func (s *cancelling) Shards() []capture.Source {
	shards := s.Sharded.Shards()
	for i, one := range shards {
		shards[i] = &cancellingShard{one, s, s.after}
	}
	return shards
}

type cancellingShard struct {
	capture.Source
	whole *cancelling
	left  int
}

func (s *cancellingShard) Read(fs []capture.Frame) (int, error) {
	if s.left--; s.left == 0 {
		s.whole.cancel()
	}
	return s.Source.Read(fs[:1])
}

// TestAccountIDs: each account and part has an identifier that fits a label of
// counters, and no two the same.
func TestAccountIDs(t *testing.T) {
	valid := regexp.MustCompile(`^[a-z][a-z_]*(/[a-z][a-z_]*)?$`)
	seen := map[string]bool{}
	check := func(id, name string) {
		if !valid.MatchString(id) || seen[id] {
			t.Errorf("%q has the identifier %q", name, id)
		}
		seen[id] = true
	}
	for _, a := range new(Stats).Accounts() {
		check(a.ID, a.Name)
		for _, p := range a.Parts {
			check(a.ID+"/"+p.ID, p.Name)
		}
	}
}
