package jsonl

import (
	"net/netip"
	"strconv"
)

// The numbers of a line are small, and there are many: strconv takes several times as
// long for each as the few digits do.

// appendNumber appends n in decimal.
func appendNumber[T int64 | uint64](b []byte, n T) []byte {
	switch {
	case n < 0 || n >= 1000:
		if n > 0 {
			return strconv.AppendUint(b, uint64(n), 10)
		}
		return strconv.AppendInt(b, int64(n), 10)
	case n >= 100:
		b = append(b, '0'+byte(n/100))
		n %= 100
		fallthrough
	case n >= 10:
		return append(b, '0'+byte(n/10), '0'+byte(n%10))
	}
	return append(b, '0'+byte(n))
}

// appendIPv4 appends an IPv4 address with its port.
func appendIPv4(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As4()
	for i, end := range [4]byte{'.', '.', '.', ':'} {
		b = append(appendNumber(b, uint64(ip[i])), end)
	}
	return appendNumber(b, uint64(a.Port()))
}
