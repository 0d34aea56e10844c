package reassembly

import (
	"strconv"
	"strings"
	"testing"

	"github.com/wstap/wstap/decode"
)

// A script is a list of segments of one direction, each a place in the stream
// and what it holds there: "4 JJJJ".
type script []string

func (s script) each(f func(at int, data string)) {
	for _, line := range s {
		at, data, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(at)
		if err != nil {
			panic(err)
		}
		f(n, data)
	}
}

// contradicts says whether copies of a byte differ.
func (s script) contradicts() bool {
	differ := false
	sent := make(map[int]byte)
	s.each(func(at int, data string) {
		for i := range data {
			if old, ok := sent[at+i]; ok && old != data[i] {
				differ = true
			}
			sent[at+i] = data[i]
		}
	})
	return differ
}

// evasions are overlaps that intrusion detection systems are tested with. want is
// what Linux makes of them: TestKernelEvasions asks it.
var evasions = []struct {
	name   string
	script script
	want   string
}{
	// The sequence of Novak and Sturges, Target-Based TCP Stream Reassembly
	// (2007), with which Suricata tests its policies for each system.
	{"Novak and Sturges", script{
		"1 AAA", "5 BB", "7 CCC", "11 D", "14 EE", "16 FFF", "19 GG", "21 HH", "23 I",
		"2 JJJJ", "7 KKK", "10 LLL", "13 MMM", "17 N", "20 O", "21 P", "23 QQ", "0 0",
	}, "0AAAJJBCCCLLLMMMFFFGGHHIQ"},
	{"Suricata: what begins before", script{
		"2 B", "8 D", "11 EE", "1 AA", "0 JJJJ", "7 LLL", "10 MMM", "4 ...", "13 .",
	}, "JJJJ...LLLMMM."},
	// Suricata lets LLLL take the place of CCC; here CCC was read already.
	{"Suricata: what begins the same", script{
		"0 CCC", "14 HH", "16 II", "0 KKK", "0 LLLL", "14 P", "14 QQ", "4 ..........",
	}, "CCCL..........HHII"},
	{"Suricata: what begins after", script{
		"0 AA", "15 FFF", "18 GG", "1 JJ", "19 O", "16 N", "3 ............",
	}, "AAJ............FFFGG"},
	// gopacket's table of buffered overlaps; digits are its bytes.
	{"gopacket: buffered, the new one is longer", script{"6 789012345", "9 01234567", "0 1234567890"}, "12345678901234567"},
	{"gopacket: buffered, the new one is inside", script{"6 789012345", "9 abcde", "0 123456"}, "123456789012345"},
	{"gopacket: data in a hole, longer than it", script{"0 123", "6 223", "6 223", "9 ab", "3 66622"}, "123666223ab"},
	{"gopacket: the rest of what is known", script{"0 1234567", "4 567890"}, "1234567890"},
	// The classic insertions: a decoy first, a decoy behind, decoys around.
	{"the decoy comes first", script{"5 EVIL", "5 good", "0 12345", "9 ."}, "12345EVIL."},
	{"the decoy is longer", script{"5 good", "5 EVILs", "0 12345"}, "12345EVILs"},
	{"the decoy begins one byte before", script{"5 good", "4 EVILs", "0 1234"}, "1234EVILs"},
	{"the decoy begins one byte behind", script{"5 good", "6 EVIL", "0 12345"}, "12345goodL"},
	{"the decoy covers three", script{"2 a", "4 b", "6 c", "2 EVILs", "0 12"}, "12EVILs"},
	{"Zeek: quantum insert, one byte more", script{"0 GET /real", "0 GET /evil!", "10 x"}, "GET /real!x"},
}

func TestEvasions(t *testing.T) {
	for _, e := range evasions {
		for _, isn := range []uint32{0, 99, 1<<31 - 5, 1<<32 - 8, 1<<32 - 2} {
			b := newBench(t, nil)
			b.open(isn, 499)
			e.script.each(func(at int, data string) {
				b.packet(seg(client, decode.ACK, isn+1+uint32(at), 500, data))
			})
			log := b.close()
			if got := string(b.flows[0].streams[client]); got != e.want {
				t.Errorf("%s, from %d: got %s, want %s (%s)", e.name, isn, got, e.want, log)
			}
			if told := strings.Contains(log, "conflict"); told != e.script.contradicts() {
				t.Errorf("%s: conflict told: %v: %s", e.name, told, log)
			}
		}
	}
}
