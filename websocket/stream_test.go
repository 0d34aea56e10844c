package websocket

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

// An endless is a capture file that repeats a stretch of traffic, each time from
// other clients and later.
type endless struct {
	header  []byte
	stretch []byte // records
	records []int  // where they begin
	step    int    // seconds from one stretch to the next
	rounds  int
	left    []byte   // to be read
	round   int      // of left
	sampled []uint64 // live heap, at some rounds
}

const (
	recordHeader = 16
	sourceAt     = recordHeader + 14 + 12 // in a record: Ethernet, IPv4
)

// newEndless makes conversations that end in all ways or in none, with losses.
func newEndless(t testing.TB, rounds int, step time.Duration) *endless {
	r := rand.New(rand.NewPCG(7, 7))
	var frames []capture.Frame
	for i := range 60 {
		answer, load := response, loads[i%len(loads)]
		if i%4 == 0 {
			answer = deflated
		}
		n := 30
		if load.name == "large binary" {
			n = 1
		}
		c, _ := converse(r, n, answer, i&1 == 0, load.make)
		s := source(c)
		switch i % 10 {
		case 0, 4, 5, 6, 7: // no end was seen
			s.frames = s.frames[:len(s.frames)-3]
		case 1: // nor a beginning
			s.frames = s.frames[3:]
		case 2:
			lose(r, s, 0.05, 5)
		case 3: // nothing but a beginning
			s.frames = s.frames[:1]
		}
		// Clients of their own.
		for _, f := range s.frames {
			for at := 0; at < 8; at += 4 {
				if addr := f.Data[26+at : 30+at]; addr[3] == 1 {
					addr[2] = byte(i)
				}
			}
		}
		frames = append(frames, s.frames...)
	}
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &endless{step: int(step / time.Second), rounds: rounds}
	for i := range frames {
		if err := w.WriteFrame(&frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	e.header, e.stretch = file.Bytes()[:24], file.Bytes()[24:]
	for at := 0; at < len(e.stretch); at += recordHeader + int(binary.LittleEndian.Uint32(e.stretch[at+8:])) {
		e.records = append(e.records, at)
	}
	e.left = e.header
	return e
}

// next moves the stretch to the next round.
func (e *endless) next() {
	e.round++
	for _, at := range e.records {
		b := e.stretch[at:]
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)+uint32(e.step))
		for at := sourceAt; at < sourceAt+8; at += 4 {
			if b[at+3] != 2 { // the client: its number is in the third byte, the round in the others
				b[at] = 11 + byte(e.round>>8)
				b[at+1] = byte(e.round)
			}
		}
	}
	e.left = e.stretch
}

func (e *endless) Read(b []byte) (n int, err error) {
	if len(e.left) == 0 {
		if e.round == e.rounds {
			return 0, io.EOF
		}
		if e.round%max(1, e.rounds/30) == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			e.sampled = append(e.sampled, m.HeapAlloc)
		}
		e.next()
	}
	n = copy(b, e.left)
	e.left = e.left[n:]
	return n, nil
}

// TestStream: a file of any size takes the same memory, in packet time of days.
func TestStream(t *testing.T) {
	const step = 10 * time.Minute
	read := func(e *endless, mode int) Stats {
		src, err := pcapfile.NewReader(e, &pcapfile.Config{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		// Of a file, connections that never end are waited for a year.
		ends := &reassembly.Config{IdleTimeout: 2 * step, CloseTimeout: 2 * step}
		st, err := readModes[mode].read(NewTap(src, &Config{Buffer: 256, Reassembly: ends}))
		if err != nil {
			t.Fatal(err)
		}
		checkAccounts(t, readModes[mode].name, st, true)
		return st
	}
	one := newEndless(t, 1, step)
	once := read(one, 0)
	size := testkit.Rounds[int64](200<<20, 30<<20, 4<<30)
	if raceDetector() {
		size = 30 << 20
	}
	for mode := range readModes {
		e := newEndless(t, int(size/int64(len(one.stretch))), step)
		st := read(e, mode)
		if n := uint64(e.rounds); st.Messages != n*once.Messages || st.Conns != n*once.Conns || st.LostBytes != n*once.LostBytes {
			t.Errorf("%s: %d messages, %d connections, %d bytes lost; want %d times %d, %d, %d", readModes[mode].name,
				st.Messages, st.Conns, st.LostBytes, n, once.Messages, once.Conns, once.LostBytes)
		}
		n := len(e.sampled)
		second, last := slices.Min(e.sampled[n/3:2*n/3]), slices.Min(e.sampled[2*n/3:]) // more is on the way now and then
		t.Logf("%s: %d MB, %d messages of %d connections in %v: at least %d kB in the second third, %d in the last", readModes[mode].name,
			int64(e.rounds)*int64(len(e.stretch))>>20, st.Messages, st.Conns, time.Duration(e.rounds)*step, second>>10, last>>10)
		if last > second+second/20+256<<10 {
			t.Errorf("%s: the heap grows", readModes[mode].name)
		}
	}
}
