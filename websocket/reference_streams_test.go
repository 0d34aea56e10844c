package websocket

import (
	"net/netip"
	"strings"
	"time"

	"github.com/wstap/wstap/decode"
)

// A pair is what one address sends to another.
type pair struct{ from, to netip.AddrPort }

func (p pair) reverse() pair { return pair{p.to, p.from} }

// A reference is what the reference makes of a file.
type reference struct {
	records int
	bytes   int  // in all records
	hidden  bool // a frame may hold a segment that it did not see
	plain   bool // none does, and the times are close together
	packets map[pair][]refPacket
	order   map[pair][]pair // by client: who sent each packet of a connection
	sides   map[pair]*refSide
}

func readReference(file []byte) *reference {
	recs, timed := refRecords(file)
	r := &reference{records: len(recs), plain: timed, packets: map[pair][]refPacket{}, order: map[pair][]pair{}, sides: map[pair]*refSide{}}
	var first, last time.Time
	for i := range recs {
		p, tcp, whole := refTCP(&recs[i])
		r.bytes += len(recs[i].data)
		r.hidden = r.hidden || !whole
		r.plain = r.plain && whole
		if t := recs[i].time; i == 0 {
			first, last = t, t
		} else if t.Before(last) || t.Sub(first) > 40*time.Second {
			r.plain = false
		} else {
			last = t
		}
		if !tcp {
			continue
		}
		way := pair{p.src, p.dst}
		client := way
		if len(r.packets[way.reverse()]) > 0 && r.order[way] == nil {
			client = way.reverse()
		}
		r.packets[way] = append(r.packets[way], p)
		r.order[client] = append(r.order[client], way)
	}
	return r
}

// refStreams are both streams of a connection, put together.
type refStreams [2]struct {
	isn    uint32
	data   []byte
	have   []bool
	next   int // what is before it was sent already
	acked  int
	most   int // the most that was acknowledged
	closed int // offset of the FIN, or -1
}

// intact returns what client and server sent to each other on a connection that
// begins with its opening and whose capture has no blemish: nothing missing,
// cut, contradictory, urgent, reset or out of the window. The order of packets
// may be any.
func (r *reference) intact(client pair) (streams [2][]byte, ok bool) {
	order := r.order[client]
	if !r.plain || len(order) < 3 || client.from == client.to {
		return streams, false
	}
	var s refStreams
	var used [2]int
	for i, way := range order {
		dir := 0
		if way != client {
			dir = 1
		}
		p := &r.packets[way][used[dir]]
		used[dir]++
		h, o := &s[dir], &s[dir^1]
		opening := decode.SYN
		if i == 1 {
			opening |= decode.ACK
		}
		if i < 2 {
			if dir != i || p.flags != opening || p.wire > 0 || i == 1 && p.ack != o.isn+1 {
				return streams, false
			}
			h.isn, h.closed = p.seq, -1
			continue
		}
		const plain = decode.ACK | decode.PSH | decode.FIN | decode.ECE | decode.CWR
		at, end, ack := int(int32(p.seq-h.isn-1)), int(int32(p.seq-h.isn-1))+p.wire, int(int32(p.ack-o.isn-1))
		if p.flags&^plain != 0 || p.flags&decode.ACK == 0 || len(p.data) != p.wire || at < 0 || at > h.next && end-h.acked > 1<<16 || end > 1<<22 || ack < 0 {
			return streams, false
		}
		o.acked = max(o.acked, ack)
		for p.wire > 0 && len(h.data) < end {
			h.data, h.have = append(h.data, 0), append(h.have, false)
		}
		for k, v := range p.data {
			if h.have[at+k] && h.data[at+k] != v {
				return streams, false
			}
			h.data[at+k], h.have[at+k] = v, true
		}
		for h.next < len(h.have) && h.have[h.next] {
			h.next++
		}
		if p.flags&decode.FIN != 0 {
			if h.closed >= 0 && h.closed != end {
				return streams, false
			}
			h.closed = end
		}
	}
	for dir := range s {
		h := &s[dir]
		end := len(h.data)
		if h.closed >= 0 {
			end++
		}
		if h.next < len(h.data) || h.acked > end || h.closed >= 0 && h.closed != len(h.data) {
			return streams, false
		}
		streams[dir] = h.data
	}
	return streams, true
}

// messages are the messages of a connection captured without a blemish, by
// direction, as decodeSimply describes them. It answers only where the whole
// connection is one plain opening handshake and what follows it.
func (r *reference) messages(client pair) (lines [2][]string, ok bool) {
	streams, ok := r.intact(client)
	if !ok {
		return lines, false
	}
	var heads [2][]string
	for dir, b := range streams {
		head, rest, found := strings.Cut(string(b), "\r\n\r\n")
		if !found || len(head) > 1<<12 || strings.Contains(head, "\n\n") || strings.Contains(head, "\n\r\n") ||
			strings.Count(head, "\n") != strings.Count(head, "\r\n") {
			return lines, false
		}
		heads[dir] = strings.Split(strings.ToLower(head), "\r\n")
		streams[dir] = []byte(rest)
	}
	first := strings.Split(heads[0][0], " ")
	if len(first) != 3 || first[0] != "get" || first[2] != "http/1.1" || !strings.HasPrefix(string(heads[1][0]), "http/1.1 101 ") {
		return lines, false
	}
	takeover := [2]bool{true, true}
	compressed := false
	for dir := range heads {
		upgrades := 0
		for _, field := range heads[dir][1:] {
			name, value, ok := strings.Cut(field, ": ")
			if !ok || strings.ContainsAny(name, " \t") {
				return lines, false
			}
			switch name {
			case "upgrade":
				if value != "websocket" {
					return lines, false
				}
				upgrades++
			case "content-length", "transfer-encoding":
				return lines, false
			case "sec-websocket-extensions":
				if dir == 0 {
					continue
				}
				for i, part := range strings.Split(value, "; ") {
					switch {
					case i == 0 && part == "permessage-deflate" && !compressed:
						compressed = true
					case i > 0 && part == "client_no_context_takeover":
						takeover[0] = false
					case i > 0 && part == "server_no_context_takeover":
						takeover[1] = false
					default:
						return lines, false
					}
				}
			}
		}
		if upgrades != 1 {
			return lines, false
		}
	}
	for dir := range streams {
		lines[dir] = decodeSimply(Direction(dir), streams[dir], compressed, takeover[dir])
	}
	return lines, true
}
