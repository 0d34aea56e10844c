package websocket

import "encoding/binary"

// unmask writes src XORed with the masking key (RFC 6455, section 5.3) to dst,
// which is at least as long and may be src itself. The key's bytes stand in
// memory order in key, from the one for src[0] on.
func unmask(dst, src []byte, key uint32) {
	k := uint64(key) | uint64(key)<<32
	for len(src) >= 32 {
		s, d := src[:32:32], dst[:32:32]
		binary.LittleEndian.PutUint64(d, binary.LittleEndian.Uint64(s)^k)
		binary.LittleEndian.PutUint64(d[8:], binary.LittleEndian.Uint64(s[8:])^k)
		binary.LittleEndian.PutUint64(d[16:], binary.LittleEndian.Uint64(s[16:])^k)
		binary.LittleEndian.PutUint64(d[24:], binary.LittleEndian.Uint64(s[24:])^k)
		src, dst = src[32:], dst[32:]
	}
	for len(src) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^k)
		src, dst = src[8:], dst[8:]
	}
	for i, c := range src {
		dst[i] = c ^ byte(k)
		k = k>>8 | k<<56
	}
}

// rotate returns the key for the byte n places further on.
func rotate(key uint32, n int64) uint32 {
	s := uint(n&3) * 8
	return key>>s | key<<(32-s)
}
