package websocket

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/packetgen"
)

// TestGoesOn: neither silence nor a reset that the other side answers with a
// challenge ACK (RFC 5961, section 3) ends a connection that goes on.
func TestGoesOn(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 15))
		k := packetgen.NewConversation()
		k.Step = time.Millisecond
		k.ISN = [2]uint32{r.Uint32(), r.Uint32()}
		k.Open()
		k.Send(packetgen.Client, []byte(request))
		k.Send(packetgen.Server, []byte(response))
		var all [2][]sent
		var did []string
		for range 12 {
			dir := Direction(r.IntN(2))
			m := loads[r.IntN(5)].make(r)
			all[dir] = append(all[dir], m)
			k.Send(packetgen.Side(dir), randomFrame(r, dir, 0x80|byte(m.op), m.payload))
			switch r.IntN(3) {
			case 0:
				d := time.Duration(1+r.IntN(12*3600)) * time.Second
				k.Time = k.Time.Add(d)
				did = append(did, fmt.Sprint("silence ", d))
			case 1:
				from := packetgen.Side(r.IntN(2))
				p := k.Segment(from, decode.RST, nil, nil).TCP
				k.Packets = k.Packets[:len(k.Packets)-1]
				off := uint32(1 + r.IntN(20000))
				p.Seq += off // in the window, but not what is expected
				if r.IntN(2) == 0 {
					p.Flags |= decode.ACK
				}
				k.Add(from, p)
				k.Segment(from.Other(), decode.ACK, nil, nil) // the challenge
				did = append(did, fmt.Sprintf("reset of %v at +%d", from, off))
			}
		}
		k.Close(packetgen.Client)
		got, ends := [2]int{}, ""
		for e, err := range NewTap(source(k), nil).Events(t.Context()) {
			switch e := e.(type) {
			case nil:
				t.Fatal(err)
			case *Message:
				if i := got[e.From]; i >= len(all[e.From]) || string(all[e.From][i].payload) != string(e.Payload) || e.Midstream || e.Truncated {
					t.Errorf("seed %d: %s", seed, describeMessage(e))
				}
				got[e.From]++
			case *Gap:
				t.Errorf("seed %d: %+v", seed, e)
			case *End:
				ends += string(e.Cause) + " "
			}
		}
		if want := [2]int{len(all[0]), len(all[1])}; got != want || ends != "fin " {
			t.Errorf("seed %d: %d messages of %d, ends %s\n%v", seed, got, want, ends, did)
		}
	}
}
