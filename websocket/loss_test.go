package websocket

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/packetgen"
	"github.com/wstap/wstap/internal/testkit"
)

// TestLossLongMessages loses consecutive packets of connections with long messages,
// where a header is among them and where none is: the next message is given whole.
func TestLossLongMessages(t *testing.T) {
	most := testkit.Rounds(300_000, 100_000, 20_000_000)
	for _, size := range []int{100_000, 300_000, 3_000_000, 20_000_000} {
		if size > most {
			continue
		}
		for dir := range Direction(2) {
			for _, stream := range []bool{false, true} { // messages share segments
				for _, form := range []string{"text", "random", "zeros"} {
					t.Run(fmt.Sprintf("%d bytes, %v, %s, stream=%v", size, dir, form, stream), func(t *testing.T) {
						lossOf(t, size, dir, stream, form)
					})
				}
			}
		}
	}
}

func lossOf(t *testing.T, size int, dir Direction, stream bool, form string) {
	r := rand.New(rand.NewPCG(uint64(size), uint64(dir)))
	c := packetgen.NewConversation()
	c.NoAcks = true
	c.Open()
	c.Send(packetgen.Client, []byte(request))
	c.Send(packetgen.Server, []byte(response))
	const n = 8
	var messages [][]byte
	var from, to [n]int // packets
	var queue []byte
	at := len(c.Packets)
	for i := range n {
		length := size + r.IntN(2000)
		var payload []byte
		b0 := byte(0x82)
		switch form {
		case "text":
			payload, b0 = []byte(randomText(r, length)), 0x81
		case "random":
			payload = randomBytes(r, length)
		case "zeros":
			payload = make([]byte, length)
			payload[0] = byte(i)
		}
		messages = append(messages, payload)
		f := randomFrame(r, dir, b0, payload)
		if stream {
			from[i] = at + len(queue)/1460
			queue = append(queue, f...)
			to[i] = at + (len(queue)-1)/1460
			continue
		}
		from[i] = len(c.Packets)
		c.Send(packetgen.Side(dir), f)
		to[i] = len(c.Packets) - 1
	}
	c.Send(packetgen.Side(dir), queue)
	for _, lost := range []int{1, 5, 20} {
		for _, hit := range []int{from[2], from[2] - lost/2, from[2] + 1, (from[2] + to[2]) / 2, to[2]} {
			s := source(c)
			s.frames = append(s.frames[:hit:hit], s.frames[hit+lost:]...)
			last := 0 // message that lost something
			for i := range n {
				if from[i] < hit+lost {
					last = i
				}
			}
			var given [n]bool
			for e, err := range NewTap(s, nil).Events(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				if m, ok := e.(*Message); ok && !m.Truncated {
					i := 0
					for i < n && !bytes.Equal(m.Payload, messages[i]) {
						i++
					}
					if i == n {
						t.Errorf("%d packets from %d lost: was not sent: %s", lost, hit, describeMessage(m))
						continue
					}
					given[i] = true
				}
			}
			for i := last + 1; i < n; i++ {
				if !given[i] {
					t.Errorf("%d packets from %d lost, the last of message %d: %d is not given", lost, hit, last, i)
				}
			}
		}
	}
}

// TestLossOrder loses consecutive packets of connections of many kinds: what both
// directions say goes on in the order in which it was captured.
func TestLossOrder(t *testing.T) {
	for _, l := range late {
		if strings.Contains(l.name, "MB") || strings.Contains(l.name, "0 kB") || strings.Contains(l.name, "over segments") {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			for seed := range uint64(testkit.Rounds(1, 1, 20)) {
				for _, lost := range []int{1, 5, 20} {
					k := newLateTalk(seed)
					k.NoAcks = (seed+uint64(lost/5))%2 == 0
					k.Open()
					k.Send(packetgen.Client, []byte(request))
					answer := response
					if strings.HasPrefix(l.name, "deflate") {
						answer = deflated
					}
					k.Send(packetgen.Server, []byte(answer))
					for i := 0; len(k.Packets) < 70; i++ {
						l.step(k, i)
					}
					from := 12 + k.r.IntN((len(k.Packets)-12-lost)/2)
					k.lose(t, from, lost)
				}
			}
		})
	}
}

// lose plays a conversation of which n packets are lost.
func (k *lateTalk) lose(t *testing.T, from, n int) {
	t.Helper()
	s := source(k.Conversation)
	s.frames = slices.Delete(s.frames, from, from+n)
	after := 0
	var before *Message
	for e, err := range NewTap(s, nil).Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		m, ok := e.(*Message)
		if !ok || m.Truncated {
			continue
		}
		if before != nil && m.Time.Before(before.Time) {
			t.Errorf("%d packets from %d lost: %s comes after %s, which was captured %v later", n, from, describeMessage(m), describeMessage(before), before.Time.Sub(m.Time))
		}
		if m.Time.After(k.Packets[from+n].Time) {
			after++
		}
		before = m.Clone()
	}
	if after == 0 {
		t.Errorf("%d packets from %d lost: nothing comes behind them", n, from)
	}
}
