package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
)

// spread makes frames of about size bytes, each a second after the one before.
func spread(n, size int) []capture.Frame {
	frames := make([]capture.Frame, n)
	for i := range frames {
		frames[i] = capture.Frame{
			Data: []byte(fmt.Sprintf("%0*d", size+i%7, i)), Length: size + i%7, Link: decode.LinkEthernet, Interface: i % 3,
			Time: time.Date(2026, 11, 28, 23, 59, 50, 0, time.Local).Add(time.Duration(i) * time.Second),
		}
	}
	return frames
}

// inDir returns the names of all files, and the frames of each.
func inDir(t *testing.T, dir string) (names []string, frames map[string][]record) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	frames = map[string][]record{}
	for _, e := range entries {
		r, err := Open(filepath.Join(dir, e.Name()), nil)
		if err != nil {
			t.Fatal(err)
		}
		recs, err := drain(r)
		if err != io.EOF {
			t.Errorf("%s is not whole: %v", e.Name(), err)
		}
		r.Close()
		names, frames[e.Name()] = append(names, e.Name()), recs
	}
	return names, frames
}

// TestRotateAsTcpdump compares -C and -W with tcpdump's.
func TestRotateAsTcpdump(t *testing.T) {
	path := tcpdump(t)
	in := filepath.Join(t.TempDir(), "in.pcap")
	frames := spread(4000, 1400)
	write := func(name string, cfg *WriterConfig) {
		t.Helper()
		w, err := Create(name, decode.LinkEthernet, cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i := range frames {
			if err := w.WriteFrame(&frames[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(in, nil)
	for _, files := range []int{0, 3, 12} {
		theirs, ours := t.TempDir(), t.TempDir()
		args := []string{"-r", in, "-C", "1", "-w", filepath.Join(theirs, "out")}
		if files > 0 {
			args = append(args, "-W", fmt.Sprint(files))
		}
		if os.Geteuid() == 0 {
			args = append(args, "-Z", "root")
		}
		run(t, nil, path, args...)
		write(filepath.Join(ours, "out"), &WriterConfig{Rotate: &Rotation{Size: 1e6, Files: files}})
		want, wantFrames := inDir(t, theirs)
		got, gotFrames := inDir(t, ours)
		if !slices.Equal(got, want) {
			t.Errorf("-W %d: %q, tcpdump %q", files, got, want)
		}
		for _, name := range want {
			compare(t, gotFrames[name], wantFrames[name])
		}
	}
}

// TestRotate: no frame is lost between files, each file is whole and told once,
// and is named by its first frame.
func TestRotate(t *testing.T) {
	frames := spread(200, 500)
	const day = 24 * time.Hour
	for _, tt := range []struct {
		form   string
		rotate Rotation
		files  int
		one    string // of the names
	}{
		{"c", Rotation{Size: 10000}, 10, "c9"},
		{"c.pcapng", Rotation{Size: 10000, Files: 100}, 11, "c.pcapng00"},
		{"c.gz", Rotation{Size: 10000}, 1, "c.gz"}, // it packs well
		{"c.pcapng.gz", Rotation{Size: 1000}, 0, "c.pcapng1.gz"},
		{"%Y-%m-%d_%H%M%S.pcap", Rotation{Interval: time.Minute}, 4, "2026-11-28_235950.pcap"},
		{"%d.pcapng", Rotation{Interval: 10 * time.Second}, 2, "29.pcapng"}, // overwritten
		{"%s", Rotation{Interval: time.Minute, Size: 20000}, 7, ""},
		{"one", Rotation{Interval: day}, 1, "one"},
		{"begun-%M", Rotation{Interval: time.Minute, Begin: frames[0].Time.Add(-55 * time.Second)}, 5, "begun-58"},
	} {
		for _, queued := range []int{0, 1 << 20} {
			dir := t.TempDir()
			var mu sync.Mutex
			var closed []string
			rotate := tt.rotate
			rotate.Closed = func(name string) {
				mu.Lock()
				defer mu.Unlock()
				closed = append(closed, filepath.Base(name))
				if r, err := Open(name, nil); err != nil {
					t.Error(err)
				} else if _, err := drain(r); err != io.EOF {
					t.Errorf("%s is closed and not whole: %v", name, err)
				}
			}
			w, err := Create(filepath.Join(dir, tt.form), decode.LinkEthernet, &WriterConfig{
				Rotate: &rotate, Queue: queued,
				Describe: func(f *capture.Frame) Interface { return Interface{Name: fmt.Sprint("eth", f.Interface)} },
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range frames {
				if err := w.WriteFrame(&frames[i]); err != nil {
					t.Fatal(err)
				}
				if rotate.Size == 1000 {
					w.Flush() // what is packed has a length
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			names, byName := inDir(t, dir)
			if tt.files > 0 && len(names) != tt.files || tt.one != "" && !slices.Contains(names, tt.one) && len(names) > 0 && !(tt.files == 0 && queued > 0) {
				t.Errorf("%s: %q", tt.form, names)
			}
			total := 0
			for _, recs := range byName {
				total += len(recs)
			}
			if overwritten := tt.form == "%d.pcapng"; total != len(frames) && !overwritten || w.Frames() != uint64(len(frames)) {
				t.Errorf("%s: %d frames, %d counted, of %d", tt.form, total, w.Frames(), len(frames))
			}
			if len(closed) < len(names)-1 {
				t.Errorf("%s: closed %q of %q", tt.form, closed, names)
			}
			if strings.Contains(tt.form, "pcapng") {
				checkNames(t, filepath.Join(dir, names[len(names)-1]))
			}
		}
	}
}

// checkNames: each file of a series names its interfaces.
func checkNames(t *testing.T, name string) {
	t.Helper()
	r, err := Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for f, err := range capture.Frames(r) {
		if err != nil {
			t.Fatal(err)
		}
		var seconds int
		fmt.Sscanf(string(f.Data), "%d", &seconds)
		if got, want := r.Info().InterfaceName(f.Interface), fmt.Sprint("eth", seconds%3); got != want {
			t.Fatalf("%s: frame %d is of %q, want %q", name, seconds, got, want)
		}
	}
}

// TestLastFile: with an interval alone Files is an end.
func TestLastFile(t *testing.T) {
	for _, queue := range []int{0, 1 << 20} {
		dir := t.TempDir()
		var closed int
		w, err := Create(filepath.Join(dir, "%s"), decode.LinkEthernet, &WriterConfig{
			Queue: queue, Rotate: &Rotation{Interval: 10 * time.Second, Files: 2, Closed: func(string) { closed++ }},
		})
		if err != nil {
			t.Fatal(err)
		}
		written := 0
		for _, f := range spread(50, 100) {
			if err = w.WriteFrame(&f); err != nil {
				break
			}
			written++
		}
		if !errors.Is(err, ErrLastFile) || written != 20 {
			t.Errorf("%v after %d frames", err, written)
		}
		if err := w.Close(); err != nil && !errors.Is(err, ErrLastFile) {
			t.Error(err)
		}
		if names, _ := inDir(t, dir); len(names) != 2 || closed != 2 || w.Frames() != 20 {
			t.Errorf("%q, %d closed, %d frames", names, closed, w.Frames())
		}
	}
}

// TestRotateFails: the error of a file that cannot be made is that of the Writer.
func TestRotateFails(t *testing.T) {
	for _, queue := range []int{0, 1 << 20} {
		dir := t.TempDir()
		name := filepath.Join(dir, "out")
		if err := os.Mkdir(name+"1", 0o700); err != nil {
			t.Fatal(err)
		}
		w, err := Create(name, decode.LinkEthernet, &WriterConfig{Queue: queue, Rotate: &Rotation{Size: 1000}})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range spread(50, 100) {
			err = w.WriteFrame(&f)
		}
		if cerr := w.Close(); cerr == nil && err == nil {
			t.Error("no error")
		}
	}
	if _, err := Create("-", decode.LinkEthernet, &WriterConfig{Rotate: &Rotation{Size: 1}}); err == nil {
		t.Error("the standard output is rotated")
	}
	if _, err := Create("x", decode.LinkEthernet, &WriterConfig{Rotate: &Rotation{Size: -1}}); err == nil {
		t.Error("a negative size is taken")
	}
}

// TestStrftime compares with date(1), and with what C says where that differs
// from system to system.
func TestStrftime(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2026, 11, 28, 6, 5, 4, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2024, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC),
	} {
		const form = "%a %A %b %B %c %C %d %D %e %F %g %G %h %H %I %j %k %l %m %M %n %p %P %r %R %s %S %t %T %u %U %V %w %W %x %X %y %Y %z %%"
		cmd := []string{"-u", "-d", "@" + fmt.Sprint(at.Unix()), "+" + form}
		want := strings.TrimSuffix(string(run(t, nil, "env", append([]string{"LC_ALL=C", "date"}, cmd...)...)), "\n")
		if got := strftime(form, at); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	for form, want := range map[string]string{"": "", "%": "%", "100%": "100%", "%?x": "%?x", "a%%b": "a%b", "名%Y": "名2026"} {
		if got := strftime(form, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("%q: %q, want %q", form, got, want)
		}
	}
}
