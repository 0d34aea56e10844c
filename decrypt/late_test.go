package decrypt

import (
	"fmt"
	"testing"
	"time"

	"github.com/wstap/wstap/reassembly"
)

// joinAt gives a Conn records of both directions, joined at a record number, and
// says whether each of them was found.
func joinAt(t *testing.T, o *Opener, k *suite, number uint64, records, size int) bool {
	t.Helper()
	var out sink
	c := o.Conn(&spot{}, true, out.accept)
	r := randomOf(1)
	for _, dir := range []reassembly.Direction{fromServer, fromClient} {
		v, _ := o.keys.find(&r, labelOf(dir, trafficPhase))
		seal := newSealer(k, v)
		seal.seq = number
		before := out.n
		for n := 0; out.n == before; n++ {
			if n == records {
				return false
			}
			c.Data(dir, seal.seal(nil, recordData, make([]byte, size)), time.Unix(1e9, 0))
			balanced(t, o)
		}
	}
	return true
}

func logTraffic(k *KeyLog, n int) {
	fmt.Fprintln(k, logLine("CLIENT_TRAFFIC_SECRET_0", n, 32))
	fmt.Fprintln(k, logLine("SERVER_TRAFFIC_SECRET_0", n, 32))
}

// TestLateLittleEffort: where others have spent what may be spent on trying, a secret
// is tried in parts, and not passed over.
func TestLateLittleEffort(t *testing.T) {
	for _, others := range []int{0, 3, 100} {
		keys := NewKeyLog()
		logTraffic(keys, 1)
		for i := range others {
			logTraffic(keys, 10+i)
		}
		o := NewOpener(keys, nil)
		o.effort.left = 1
		if !joinAt(t, o, suites()[0x1301], 200, 3000, 1400) {
			t.Errorf("with %d others it was not found", others)
		}
	}
}

// TestLateChaCha: ChaCha20-Poly1305 has no filter, and so many numbers take several
// records.
func TestLateChaCha(t *testing.T) {
	keys := NewKeyLog()
	logTraffic(keys, 1)
	if !joinAt(t, NewOpener(keys, nil), suites()[0x1303], 40_000, 100, 100) {
		t.Error("it was not found")
	}
}
