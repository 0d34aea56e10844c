package main

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/gopacket/gopacket/afpacket"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/capture"
)

// live compares reading packets that wait in the kernel: on the lo of a new
// network namespace, in batches that a ring or a socket's default buffer takes. lo
// shows each packet twice; wstap drops the copies, the others read them. The
// time is that of each packet read, in rings of one size that were gone round
// before: what the first touch of a page costs, much in some virtual machines, is
// not the reader's. Without privileges there are no rows.
func live(string, []capFile) ([]row, error) {
	runtime.LockOSThread() // for good: the thread keeps the namespace, and ends with main
	if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
		fmt.Println("Live capture is not compared: that needs root.")
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := loUp(); err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	const (
		batches = 20
		lap     = 20      // batches before those that are timed
		buffer  = 4 << 20 // bytes of a ring
	)
	// measure times reading copies of each of size packets, some times over.
	measure := func(name string, size, copies int, open func() (read func() (int, error), end func(), err error)) contestant {
		return contestant{name, func() (time.Duration, error) {
			read, end, err := open()
			if err != nil {
				return 0, err
			}
			defer end()
			var total time.Duration
			for i := range lap + batches {
				for range size {
					if _, err := conn.WriteTo(make([]byte, 60), conn.LocalAddr()); err != nil {
						return 0, err
					}
				}
				time.Sleep(30 * time.Millisecond) // until blocks are handed over
				start := time.Now()
				for left := size * copies; left > 0; {
					n, err := read()
					if err != nil {
						return 0, err
					}
					left -= n
				}
				if i >= lap {
					total += time.Since(start)
				}
			}
			return total / time.Duration(copies), nil
		}}
	}
	ours := func(size int) contestant {
		return measure("capture", size, 1, func() (func() (int, error), func(), error) {
			src, err := capture.Listen("lo", &capture.Config{Filter: "udp", Workers: 1, BufferSize: buffer})
			if err != nil {
				return nil, nil, err
			}
			fs := make([]capture.Frame, 32) // as many as the tap asks for
			return func() (int, error) { return src.Read(fs) }, func() { src.Close() }, nil
		})
	}
	const ring, socket = 5000, 100
	return []row{
		{"capturing, 5000 packets at once", "packet", batches * ring, ours(ring), measure("gopacket/afpacket, zero copy", ring, 2, func() (func() (int, error), func(), error) {
			h, err := afpacket.NewTPacket(afpacket.OptInterface("lo"), afpacket.OptPollTimeout(time.Second),
				afpacket.OptBlockSize(capture.DefaultBlockSize), afpacket.OptNumBlocks(buffer/capture.DefaultBlockSize),
				afpacket.OptBlockTimeout(capture.DefaultBlockTimeout)) // so that none of the time is waiting
			if err != nil {
				return nil, nil, err
			}
			return func() (int, error) { _, _, err := h.ZeroCopyReadPacketData(); return 1, err }, h.Close, nil
		})},
		{"capturing, 100 packets at once", "packet", batches * socket, ours(socket), measure("pcapgo, zero copy", socket, 2, func() (func() (int, error), func(), error) {
			h, err := pcapgo.NewEthernetHandle("lo")
			if err != nil {
				return nil, nil, err
			}
			return func() (int, error) { _, _, err := h.ZeroCopyReadPacketData(); return 1, err }, func() { h.Close() }, nil
		})},
	}, nil
}

// loUp sets lo up.
func loUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
