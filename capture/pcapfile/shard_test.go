package pcapfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// interleaved makes a file of many connections in many wrappings, and some
// noise. Each payload names its connection and its place in it.
func interleaved(t testing.TB, conns, segments int, fragments bool) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	var file bytes.Buffer
	w, err := NewWriter(&file, 0, &WriterConfig{Format: Pcapng})
	if err != nil {
		t.Fatal(err)
	}
	add := func(link decode.LinkType, at time.Time, data []byte) {
		if err := w.WriteFrame(&capture.Frame{Data: data, Link: link, Time: at}); err != nil {
			t.Fatal(err)
		}
	}
	all := make([]*packetgen.Conversation, conns)
	for i := range all {
		c := packetgen.NewConversation()
		c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i % 3), byte(i)}), uint16(1000+i))
		if i%5 == 4 {
			c.Client = netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("fd00::%x", i)), uint16(1000+i))
			c.Server = netip.MustParseAddrPort("[fd00::1]:80")
		}
		link := packetgen.Ethernet()
		link.Type = []decode.LinkType{decode.LinkEthernet, decode.LinkSLL2, decode.LinkRaw, decode.LinkNull, decode.LinkEthernet}[i%5]
		c.Link = &link
		c.NoAcks = true
		all[i] = c
	}
	for n := range segments * conns {
		i := rng.IntN(conns)
		c := all[i]
		data := binary.BigEndian.AppendUint32([]byte("data"), uint32(i))
		data = binary.BigEndian.AppendUint32(data, uint32(n))
		data = append(data, make([]byte, rng.IntN(500))...)
		c.Packets = c.Packets[:0]
		c.Send(packetgen.Side(rng.IntN(2)), data)
		p := c.Packets[0]
		at := time.Unix(int64(n), 0)
		if fragments && rng.IntN(4) == 0 && len(data) > 100 {
			p.TCP.IP.DF = false
			parts := p.TCP.Fragments(104)
			rng.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
			for _, part := range parts {
				add(c.Link.Type, at, part)
			}
			continue
		}
		if i%5 == 0 && rng.IntN(3) == 0 { // the same connection with and without a tag
			link := *p.TCP.Link
			link.VLANs = []packetgen.VLAN{{TCI: 5}}
			p.TCP.Link = &link
			p.Frame = p.TCP.Frame()
		}
		add(c.Link.Type, at, p.Frame)
		if n%50 == 0 {
			add(decode.LinkEthernet, at, []byte("no IP"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// drainShards reads all shards at once.
func drainShards(t testing.TB, file []byte, cfg Config) ([][]record, []error, *Reader) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	recs, errs := readShards(r)
	if len(recs) != max(cfg.Workers, 1) {
		t.Fatalf("%d shards", len(recs))
	}
	return recs, errs, r
}

func readShards(r *Reader) ([][]record, []error) {
	shards := r.Shards()
	recs, errs := make([][]record, len(shards)), make([]error, len(shards))
	var wg sync.WaitGroup
	for i, s := range shards {
		wg.Go(func() { recs[i], errs[i] = drain(s) })
	}
	wg.Wait()
	return recs, errs
}

func TestShards(t *testing.T) {
	file := interleaved(t, 40, 300, false)
	whole, err := readAll(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{0, 1, 2, 3, 8} {
		recs, errs, r := drainShards(t, file, Config{Workers: workers})
		if st, _ := r.Stats(); st.Captured != uint64(len(whole)) {
			t.Errorf("%d workers: %d captured of %d", workers, st.Captured, len(whole))
		}
		r.Close()
		// Every frame once, those of a connection in one shard and in order.
		at := map[uint32]int{}
		last := map[uint32]uint32{}
		var merged []record
		for i, shard := range recs {
			if errs[i] != io.EOF {
				t.Fatalf("%d workers: shard %d ends with %v", workers, i, errs[i])
			}
			if workers > 1 && len(shard) < len(whole)/workers/3 {
				t.Errorf("%d workers: shard %d got %d frames of %d", workers, i, len(shard), len(whole))
			}
			for _, rec := range shard {
				merged = append(merged, rec)
				var p decode.Packet
				if p.Decode(rec.link, []byte(rec.data)) != nil || !p.TCP {
					continue
				}
				conn, n := binary.BigEndian.Uint32(p.Payload[4:]), binary.BigEndian.Uint32(p.Payload[8:])
				if was, ok := at[conn]; ok && was != i {
					t.Fatalf("%d workers: connection %d in shards %d and %d", workers, conn, was, i)
				}
				at[conn] = i
				if n < last[conn] {
					t.Fatalf("%d workers: connection %d out of order", workers, conn)
				}
				last[conn] = n
			}
		}
		if len(at) != 40 {
			t.Errorf("%d connections", len(at))
		}
		sortRecords(merged)
		sorted := slices.Clone(whole)
		sortRecords(sorted)
		compare(t, merged, sorted)
	}
}

// Shards of every format give out what the whole does, from a pipe as well as
// from a file that is read without a goroutine.
func TestShardFormats(t *testing.T) {
	files := formatFiles(t)
	delete(files, "cut")
	dir := t.TempDir()
	for name, file := range files {
		want, err := readAll(t, bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sortRecords(want)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, open := range []func(*Config) (*Reader, error){
			func(cfg *Config) (*Reader, error) { return NewReader(iotest.HalfReader(bytes.NewReader(file)), cfg) },
			func(cfg *Config) (*Reader, error) { return Open(path, cfg) },
		} {
			r, err := open(&Config{Workers: max(runtime.GOMAXPROCS(0), 3)})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			shards, errs := readShards(r)
			var got []record
			for i := range shards {
				if errs[i] != io.EOF {
					t.Errorf("%s: shard %d ends with %v", name, i, errs[i])
				}
				got = append(got, shards[i]...)
			}
			r.Close()
			sortRecords(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d frames of %d, or others", name, len(got), len(want))
			}
		}
	}
}

// Few connections of the same size are divided evenly.
func TestShardBalance(t *testing.T) {
	for _, conns := range []int{2, 10, 20} {
		file := interleaved(t, conns, 200, false)
		recs, _, r := drainShards(t, file, Config{Workers: 2})
		r.Close()
		if a, b := len(recs[0]), len(recs[1]); min(a, b)*3 < max(a, b)*2 {
			t.Errorf("%d connections: %d and %d frames", conns, a, b)
		}
	}
}

func sortRecords(recs []record) {
	slices.SortFunc(recs, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.data, b.data), cmp.Compare(a.ifi, b.ifi),
			cmp.Compare(a.length, b.length), cmp.Compare(a.dir, b.dir), cmp.Compare(a.link, b.link))
	})
}

// Fragments of TCP go where their connection goes, in whatever order they come,
// and none is lost.
func TestShardFragments(t *testing.T) {
	file := interleaved(t, 20, 200, true)
	whole, err := readAll(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	recs, _, r := drainShards(t, file, Config{Workers: 4})
	r.Close()
	port := func(p *decode.Packet) uint16 { return max(p.SrcPort, p.DstPort) } // the client's
	at := map[uint16]int{}
	type id struct {
		src, dst netip.Addr
		id       uint32
		at       int64
	}
	datagrams := map[id]int{}
	n, fragments := 0, 0
	for i, shard := range recs {
		n += len(shard)
		for _, rec := range shard {
			var p decode.Packet
			p.Decode(rec.link, []byte(rec.data))
			if p.Fragment {
				fragments++
				k := id{p.Src().Addr(), p.Dst().Addr(), p.FragmentID, rec.time}
				if was, ok := datagrams[k]; ok && was != i {
					t.Fatalf("fragments of one datagram in shards %d and %d", was, i)
				}
				datagrams[k] = i
			}
			if p.TCP || p.Fragment && p.FragmentOffset == 0 {
				if was, ok := at[port(&p)]; ok && was != i {
					t.Fatalf("connection of port %d in shards %d and %d", port(&p), was, i)
				}
				at[port(&p)] = i
			}
		}
	}
	if n != len(whole) || fragments < 1000 {
		t.Errorf("%d frames of %d, %d fragments", n, len(whole), fragments)
	}
}

// First fragments that never come do not hold the others for good, nor take
// memory without bound.
func TestShardFragmentsAlone(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, decode.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	const count = 5000
	for i := range count {
		c := packetgen.NewConversation()
		c.Send(packetgen.Client, make([]byte, 1400))
		seg := c.Packets[0].TCP
		seg.IP.ID, seg.IP.DF = uint32(i), false
		part := seg.Fragments(1000)[1]
		if err := w.WriteFrame(&capture.Frame{Data: part, Link: decode.LinkEthernet, Time: time.Unix(int64(i/100), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	recs, errs, r := drainShards(t, file.Bytes(), Config{Workers: 2})
	defer r.Close()
	if len(recs[0])+len(recs[1]) != count || errs[0] != io.EOF || errs[1] != io.EOF {
		t.Errorf("%d and %d frames, %v", len(recs[0]), len(recs[1]), errs)
	}
	for _, w := range r.team.Load().walkers {
		if w.assignment.fragments.Holds() {
			t.Error("fragments were left behind")
		}
	}
}

// Each shard gives out all that is whole before the error.
func TestShardError(t *testing.T) {
	file := interleaved(t, 10, 300, false)
	file = file[:len(file)-3]
	whole, err := readAll(t, bytes.NewReader(file))
	if !errors.Is(err, ErrCut) {
		t.Fatal(err)
	}
	recs, errs, r := drainShards(t, file, Config{Workers: 3})
	defer r.Close()
	n := 0
	for i := range recs {
		n += len(recs[i])
		if !errors.Is(errs[i], ErrCut) {
			t.Errorf("shard %d: %v", i, errs[i])
		}
	}
	if n != len(whole) {
		t.Errorf("%d frames of %d", n, len(whole))
	}
}

// Frames of a pipe come out of their shards at once, and Close ends all.
func TestShardPipe(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close()
	file := pcapBytes(binary.LittleEndian, magicMicro, 1, record{data: "hello", length: 5})
	go pw.Write(file)
	r, err := NewReader(pr, &Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	shards := r.Shards()
	var f capture.Frame
	if err := read1(shards[0], &f); err != nil || string(f.Data) != "hello" { // what is not IP goes to the first
		t.Fatalf("%q, %v", f.Data, err)
	}
	errs := make(chan error)
	for _, s := range shards {
		go func() { errs <- read1(s, new(capture.Frame)) }()
	}
	time.Sleep(10 * time.Millisecond)
	if err := shards[1].Close(); err != nil {
		t.Fatal(err)
	}
	for range shards {
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
	}
}

func TestShardAllocations(t *testing.T) {
	r, err := NewReader(newLoop(100), &Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	shards := r.Shards()
	s := shards[0] // gets all: they are not IP
	done := make(chan error)
	go func() { done <- read1(shards[1], new(capture.Frame)) }()
	defer func() {
		r.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the other shard: %v", err)
		}
	}()
	fs := make([]capture.Frame, 3)
	read := func() {
		if _, err := s.Read(fs); err != nil {
			t.Fatal(err)
		}
	}
	for range 100000 {
		read()
	}
	if n := testing.AllocsPerRun(100000, read); n > 0.01 {
		t.Errorf("%v allocations a Read", n)
	}
}
