package websocket

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/reassembly"
)

func tlsWires(t *testing.T, n int) (wires []*wire) {
	for _, v := range tlsVersions {
		wires = append(wires, converseTLS(t, n, v.change, chatLine))
	}
	return wires
}

// TestTLSEachLost: without any one of the packets everything is given out but what was
// in it, and without all before the ServerHello everything; but for TLS 1.2 without that.
func TestTLSEachLost(t *testing.T) {
	for i, w := range tlsWires(t, 10) {
		for _, mss := range []int{1460, 200} {
			all := source(w.packets(mss)).frames
			want := len(w.sent[0]) + len(w.sent[1])
			for lost := range all {
				s := source(w.packets(mss))
				s.frames = append(s.frames[:lost:lost], s.frames[lost+1:]...)
				got := tapTLS(t, s, &Config{Keys: w.keyLog(), Reassembly: &reassembly.Config{}}, w.sent)
				if miss := want - got.whole; miss > 3 && !(i > 0 && got.stats.TLS.HelloLostConns == 1) {
					t.Errorf("%s, segments of %d, without packet %d of %d: %d messages of %d, %+v", tlsVersions[i].name, mss, lost, len(all), got.whole, want, got.stats.TLS)
				}
			}
			for from := 1; from <= 4; from++ {
				s := source(w.packets(mss))
				s.frames = s.frames[from:]
				if got := tapTLS(t, s, &Config{Keys: w.keyLog()}, w.sent); got.whole < want {
					t.Errorf("%s, segments of %d, from packet %d: %d messages of %d, %+v", tlsVersions[i].name, mss, from, got.whole, want, got.stats.TLS)
				}
			}
		}
	}
}

// TestTLSStorm: losses, copies, disorder, cuts and keys that come late, at random.
// Nothing is given out that was not sent, and all bytes are accounted for.
func TestTLSStorm(t *testing.T) {
	wires := tlsWires(t, 60)
	for seed := range testkit.Rounds[uint64](60, 20, 1500) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := wires[rnd.IntN(len(wires))]
		keys := decrypt.NewKeyLog()
		for range rnd.IntN(3) {
			fmt.Fprintf(keys, "CLIENT_TRAFFIC_SECRET_0 %064x %064x\nSERVER_TRAFFIC_SECRET_0 %064x %064x\n", rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
		}
		s := source(w.packets(1 + rnd.IntN(2000)))
		lose(rnd, s, []float64{0, 0.01, 0.05, 0.3}[rnd.IntN(4)], 0)
		if rnd.IntN(2) == 0 {
			s.frames = s.frames[rnd.IntN(len(s.frames)/2):]
		}
		var frames []capture.Frame
		for _, f := range s.frames {
			frames = append(frames, f)
			if rnd.IntN(10) == 0 {
				frames = append(frames, f)
			}
			if n := len(frames); n > 1 && rnd.IntN(10) == 0 {
				frames[n-1].Data, frames[n-2].Data = frames[n-2].Data, frames[n-1].Data
				frames[n-1].Length, frames[n-2].Length = frames[n-2].Length, frames[n-1].Length
			}
			if n := len(frames); rnd.IntN(100) == 0 {
				frames[n-1].Data = frames[n-1].Data[:min(60, len(frames[n-1].Data))]
			}
		}
		s.frames = frames
		parts := []int{0, rnd.IntN(w.log.Len()), w.log.Len()}
		src := &scriptsSource{frameSource: *s, do: map[int64]func(){}}
		for i := range 2 {
			src.do[int64(rnd.IntN(len(frames)+1))] = func() { keys.Write(w.log.Bytes()[parts[i]:parts[i+1]]) }
		}
		got := tapTLS(t, src, &Config{Keys: keys, MaxWaiting: 1 << (12 + rnd.IntN(14)), Reassembly: &reassembly.Config{}}, w.sent)
		if t.Failed() {
			t.Fatalf("seed %d: %d messages, %+v", seed, got.whole, got.stats.TLS)
		}
	}
}

// A scriptsSource does something before some of its frames.
type scriptsSource struct {
	frameSource
	do map[int64]func()
}

func (s *scriptsSource) Read(fs []capture.Frame) (int, error) {
	if do := s.do[s.n]; do != nil {
		do()
	}
	return s.frameSource.Read(fs[:1])
}
