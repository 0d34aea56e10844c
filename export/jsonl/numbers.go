package jsonl

import "strconv"

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
