// Floor does the least that a program can do that reads a capture for its
// messages: it reads the file once, and copies as many bytes as the payload has
// once, unmasking them. It is the process whose time `wsdump -r FILE --count` is
// told in multiples of.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: floor FILE PAYLOAD-BYTES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(path, payload string) error {
	left, err := strconv.ParseInt(payload, 10, 64)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// The payload is spread over the file: each read brings its share.
	share := float64(left) / float64(info.Size())
	src, dst := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		n, err := f.Read(src)
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		xor(dst, src[:min(int(share*float64(n)), n)], 0x1234567812345678)
	}
}

// xor copies src to dst under a key, rounded up to 32 bytes.
func xor(dst, src []byte, key uint64) {
	o := binary.LittleEndian
	src = src[:min((len(src)+31)&^31, cap(src))]
	for len(src) >= 32 && len(dst) >= 32 {
		o.PutUint64(dst, o.Uint64(src)^key)
		o.PutUint64(dst[8:], o.Uint64(src[8:])^key)
		o.PutUint64(dst[16:], o.Uint64(src[16:])^key)
		o.PutUint64(dst[24:], o.Uint64(src[24:])^key)
		dst, src = dst[32:], src[32:]
	}
}
