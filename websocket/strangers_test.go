package websocket

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// strangers make the payloads of segments, by direction, of connections that are
// no WebSockets.
var strangers = []struct {
	name string
	make func(r *rand.Rand, dir Direction) []byte
}{
	{"random", func(r *rand.Rand, dir Direction) []byte { return randomBytes(r, 1+r.IntN(1460)) }},
	{"random small", func(r *rand.Rand, dir Direction) []byte { return randomBytes(r, 1+r.IntN(40)) }},
	{"tls", func(r *rand.Rand, dir Direction) []byte {
		n := 17 + r.IntN(1200)
		b := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(n))
		return append(b, randomBytes(r, n)...)[r.IntN(2)*r.IntN(n):]
	}},
	{"ssh", func(r *rand.Rand, dir Direction) []byte {
		n := 16 * (1 + r.IntN(60))
		b := binary.BigEndian.AppendUint32(nil, uint32(n))
		return append(b, randomBytes(r, n+16)...)
	}},
	{"redis", func(r *rand.Rand, dir Direction) []byte {
		if dir == FromClient {
			return fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$6\r\nkey%03d\r\n$%d\r\n%s\r\n", r.IntN(1000), 10, randomBytes(r, 10))
		}
		n := r.IntN(200)
		return fmt.Appendf(nil, "+OK\r\n:%d\r\n$%d\r\n%s\r\n", r.IntN(1000), n, randomBytes(r, n))
	}},
	{"http", func(r *rand.Rand, dir Direction) []byte {
		if dir == FromClient {
			return fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: a\r\nCookie: %x\r\n\r\n", r.IntN(1000), randomBytes(r, 30))
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write([]byte(randomText(r, r.IntN(1500))))
		w.Close()
		body := z.Bytes()
		if r.IntN(2) == 0 {
			return body // the middle of a body
		}
		return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)), body...)
	}},
	// Not in the list of the protocols that matter most, but in that of the data
	// that looks most like frames.
	{"zeroes and small numbers", func(r *rand.Rand, dir Direction) []byte {
		b := make([]byte, 1+r.IntN(1000))
		for i := range b {
			if r.IntN(3) == 0 {
				b[i] = byte(r.IntN(3))
			}
		}
		return b
	}},
	{"bytes of headers", func(r *rand.Rand, dir Direction) []byte {
		b := make([]byte, 1+r.IntN(100))
		for i := range b {
			b[i] = []byte{0x81, 0x82, 0x00, 0x01, 0x02, 0x10, 0x80, 0x88, 0xff, 0xfe, 0x89}[r.IntN(11)]
		}
		return b
	}},
	{"pixels", func(r *rand.Rand, dir Direction) []byte {
		return bytes.Repeat([]byte{0x82, 1, byte(r.IntN(4))}, 1+r.IntN(400))
	}},
	{"16-bit samples", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		v := int16(r.IntN(600)) - 300
		for range 1 + r.IntN(700) {
			v += int16(r.IntN(21)) - 10
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		return b
	}},
	{"der", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(20) {
			n := r.IntN(300)
			b = append(binary.BigEndian.AppendUint16(append(b, 0x30, 0x82), uint16(n+4)), 0x02, 0x82)
			b = append(binary.BigEndian.AppendUint16(b, uint16(n)), randomBytes(r, n)...)
		}
		return b
	}},
	{"messagepack", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(20) {
			b = append(b, 0x82, 0xa1, 'a', byte(r.IntN(128)), 0xa1, 'b', 0x81, 0x01, 0x02)
		}
		return b
	}},
	{"length and json", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(5) {
			m := fmt.Appendf(nil, `{"n":%d,"s":"%s"}`, r.IntN(100), randomText(r, r.IntN(100)))
			b = append(append(b, 0, byte(len(m))), m...)
		}
		return b
	}},
	{"tls records, small", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(4) {
			n := 22 + r.IntN(80)
			b = binary.BigEndian.AppendUint16(append(b, 23, 3, 3), uint16(n))
			b = append(b, randomBytes(r, n)...)
		}
		return b
	}},
	{"postgres", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		message := func(kind byte, payload []byte) {
			b = binary.BigEndian.AppendUint32(append(b, kind), uint32(4+len(payload)))
			b = append(b, payload...)
		}
		if dir == FromClient {
			if r.IntN(2) == 0 {
				message('Q', fmt.Appendf(nil, "select * from t where id = %d\x00", r.IntN(1000)))
				return b
			}
			message('P', fmt.Appendf(nil, "s%d\x00select $1\x00\x00\x00", r.IntN(100)))
			message('B', append([]byte("\x00s\x00\x00\x01\x00\x01\x00\x01\x00\x00\x00"), randomText(r, r.IntN(200))...))
			message('E', []byte("\x00\x00\x00\x00\x00"))
			message('S', nil)
			return b
		}
		message('T', []byte("\x00\x01name\x00\x00\x00\x40\x01\x00\x02\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00"))
		for range r.IntN(20) {
			v := randomText(r, r.IntN(60))
			message('D', append(binary.BigEndian.AppendUint32([]byte{0, 1}, uint32(len(v))), v...))
		}
		message('C', []byte("SELECT 3\x00"))
		message('Z', []byte("I"))
		return b
	}},
	{"mysql", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		packet := func(seq int, payload []byte) {
			n := len(payload)
			b = append(append(b, byte(n), byte(n>>8), byte(n>>16), byte(seq)), payload...)
		}
		if dir == FromClient {
			packet(0, append([]byte{3}, "select * from t where a = "+randomText(r, r.IntN(300))...))
			return b
		}
		packet(1, []byte{byte(1 + r.IntN(3))})
		for i := range r.IntN(20) {
			v := randomText(r, r.IntN(200))
			packet(2+i, append([]byte{byte(len(v))}, v...))
		}
		packet(30, []byte{0xfe, 0, 0, 2, 0})
		return b
	}},
	{"mongodb", func(r *rand.Rand, dir Direction) []byte {
		doc := []byte{0, 0, 0, 0}
		for i := range 1 + r.IntN(12) {
			v := randomText(r, r.IntN(60))
			doc = fmt.Appendf(doc, "\x02key%d\x00", i)
			doc = append(binary.LittleEndian.AppendUint32(doc, uint32(len(v)+1)), v+"\x00"...)
		}
		doc = append(doc, 0)
		binary.LittleEndian.PutUint32(doc, uint32(len(doc)))
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(doc)+21))
		b = binary.LittleEndian.AppendUint32(b, r.Uint32N(300))
		b = append(b, "\x00\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00"...)
		return append(b, doc...)
	}},
	{"json in http", func(r *rand.Rand, dir Direction) []byte {
		body := fmt.Sprintf(`{"id":%d,"text":%q,"list":[%d,%d]}`, r.IntN(1000), randomText(r, r.IntN(1000)), r.IntN(10), r.IntN(10))
		if dir == FromClient {
			return fmt.Appendf(nil, "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		return fmt.Appendf(nil, "%x\r\n%s\r\n", len(body), body) // a chunk
	}},
	{"json lines", func(r *rand.Rand, dir Direction) []byte {
		return fmt.Appendf(nil, `{"id":%d,"text":%q}`+"\n", r.IntN(1000), randomText(r, r.IntN(200)))
	}},
	{"video", func(r *rand.Rand, dir Direction) []byte {
		if dir == FromClient {
			return nil
		}
		return randomBytes(r, 1460)
	}},
	{"transport stream", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 7 {
			b = append(b, 0x47, byte(r.IntN(2)), byte(r.IntN(4)), 0x10|byte(r.IntN(16)))
			b = append(b, randomBytes(r, 184)...)
		}
		return b
	}},
	{"mqtt", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		packet := func(first byte, payload []byte) {
			b = append(binary.AppendUvarint(append(b, first), uint64(len(payload))), payload...)
		}
		id := []byte{0, byte(1 + r.IntN(200))}
		topic := fmt.Sprintf("a/%d/temperature", r.IntN(1000))
		named := append([]byte{0, byte(len(topic))}, topic...)
		switch n := r.IntN(6); {
		case n < 3: // in both directions
			packet(0x30, append(bytes.Clone(named), fmt.Sprintf(`{"v":%d.5}`, r.IntN(100))...))
		case dir == FromClient && n < 5:
			packet(0x82, append(append(id, named...), 0))
		case dir == FromClient:
			packet(0xc0, nil)
		case n < 5:
			packet(0x90, append(id, 0))
		default:
			packet(0xd0, nil)
		}
		return b
	}},
	{"mqtt subscriptions", func(r *rand.Rand, dir Direction) []byte {
		if dir == FromServer {
			return []byte{0x90, 3, 0, byte(r.IntN(256)), byte(r.IntN(3))}
		}
		topic := randomText(r, 1+r.IntN(30))
		b := append([]byte{0x82, byte(5 + len(topic)), 0, byte(r.IntN(256)), 0, byte(len(topic))}, topic...)
		return append(b, byte(r.IntN(3)))
	}},
	{"amqp", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		frame := func(kind byte, payload []byte) {
			b = binary.BigEndian.AppendUint32(append(b, kind, 0, 1), uint32(len(payload)))
			b = append(append(b, payload...), 0xce)
		}
		frame(1, append([]byte{0, 60, 0, byte(40 + r.IntN(40)), 0, 0, byte(r.IntN(20))}, randomText(r, r.IntN(20))...))
		body := fmt.Sprintf(`{"n":%d}`, r.IntN(1e9))
		frame(2, []byte{0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(body)), 0x80, 0, 0})
		frame(3, []byte(body))
		if r.IntN(4) == 0 {
			frame(8, nil)
		}
		return b
	}},
	{"grpc", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		frame := func(kind, flags byte, stream uint32, payload []byte) {
			b = append(b, 0, byte(len(payload)>>8), byte(len(payload)), kind, flags)
			b = append(binary.BigEndian.AppendUint32(b, stream), payload...)
		}
		id := 1 + 2*r.Uint32N(100)
		switch r.IntN(4) {
		case 0:
			frame(8, 0, 0, []byte{0, 0, 0, byte(r.IntN(100))})
			frame(6, byte(r.IntN(2)), 0, randomBytes(r, 8))
		case 1:
			frame(1, 4, id, append([]byte{0x82, 0x86, 0x84, 0x41, 0x8a}, randomBytes(r, r.IntN(60))...))
		default:
			m := append([]byte{0x0a, byte(r.IntN(100))}, randomText(r, r.IntN(100))...)
			frame(0, byte(r.IntN(2)), id, append([]byte{0, 0, 0, 0, byte(len(m))}, m...))
		}
		return b
	}},
	{"memcached", func(r *rand.Rand, dir Direction) []byte {
		b := make([]byte, 24)
		b[0] = 0x80 | byte(dir)
		b[1] = byte(r.IntN(12))
		key := fmt.Sprintf("key%d", r.IntN(1000))
		value := randomText(r, r.IntN(300))
		binary.BigEndian.PutUint16(b[2:], uint16(len(key)))
		binary.BigEndian.PutUint32(b[8:], uint32(len(key)+len(value)))
		return append(append(b, key...), value...)
	}},
	{"kafka", func(r *rand.Rand, dir Direction) []byte {
		p := append([]byte{0, byte(r.IntN(4)), 0, byte(r.IntN(10)), 0, 0, 0, byte(r.IntN(256)), 0, 4}, "test"...)
		p = append(p, randomBytes(r, r.IntN(300))...)
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...)
	}},
	{"dns", func(r *rand.Rand, dir Direction) []byte {
		p := append(randomBytes(r, 2), 1<<7*byte(dir)|1, 0x80*byte(dir), 0, 1, 0, byte(dir), 0, 0, 0, 0)
		p = append(p, fmt.Sprintf("\x07host%03d\x07example\x03com\x00\x00\x01\x00\x01", r.IntN(1000))...)
		if dir == FromServer {
			p = append(append(p, 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4), randomBytes(r, 4)...)
		}
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(p))), p...)
	}},
	{"lengths of one byte", func(r *rand.Rand, dir Direction) []byte { // a protocol with a type and a length
		n := r.IntN(120)
		return append([]byte{byte(1 + r.IntN(12)), byte(n)}, randomText(r, n)...)
	}},
	{"rtmp", func(r *rand.Rand, dir Direction) []byte {
		var b []byte
		for range 1 + r.IntN(3) {
			n := 1 + r.IntN(128)
			b = append(b, byte(r.IntN(4))<<6|byte(2+r.IntN(5)), 0, 0, byte(r.IntN(60)), 0, 0, byte(n), byte(8+r.IntN(2)), 1, 0, 0, 0)
			b = append(b, randomBytes(r, n)...)
		}
		return b
	}},
}
