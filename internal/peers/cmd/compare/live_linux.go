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
	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
)

// live compares reading packets that wait in the kernel, handed over: on the lo of
// a new network namespace, in batches that a ring or a socket's default buffer
// takes. lo shows each packet twice, and all leave out the copies. Rings are of one
// shape and were gone round before: what the first touch of a page costs, much in
// some virtual machines, is not the reader's. Without privileges there are no rows.
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
	wanted, err := filter.Compile("udp and inbound", filter.Target{Link: decode.LinkEthernet, Live: true})
	if err != nil {
		return nil, err
	}
	const (
		batches = 12
		lap     = 8 // batches before those that are timed
		// The kernel hands over the last block meanwhile: who reads earlier
		// measures its timer.
		handover = 3 * capture.DefaultBlockTimeout
	)
	// measure times reading size packets, some times over.
	measure := func(name string, size int, open func() (read func() (int, error), end func(), err error)) contestant {
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
				time.Sleep(handover)
				start := time.Now()
				for left := size; left > 0; {
					n, err := read()
					if err != nil {
						return 0, err
					}
					if n == 0 {
						return 0, errors.New("packets were lost")
					}
					left -= n
				}
				if i >= lap {
					total += time.Since(start)
				}
			}
			return total, nil
		}}
	}
	ours := func(size, buffer int) contestant {
		return measure("capture", size, func() (func() (int, error), func(), error) {
			src, err := capture.Listen("lo", &capture.Config{Filter: "udp", Workers: 1, BufferSize: buffer})
			if err != nil {
				return nil, nil, err
			}
			fs := make([]capture.Frame, batch)
			return func() (int, error) { return src.Read(fs) }, func() { src.Close() }, nil
		})
	}
	const (
		ring, socket = 5000, 100
		buffer       = 4 << 20 // bytes of a ring
		small        = 1 << 20 // that so few packets go round too
	)
	return []row{
		{"capturing, 5000 packets at once", "packet", batches * ring, ours(ring, buffer), measure("gopacket/afpacket, zero copy", ring, func() (func() (int, error), func(), error) {
			h, err := afpacket.NewTPacket(afpacket.OptInterface("lo"), afpacket.OptPollTimeout(time.Second),
				afpacket.OptBlockSize(capture.DefaultBlockSize), afpacket.OptNumBlocks(buffer/capture.DefaultBlockSize),
				afpacket.OptBlockTimeout(capture.DefaultBlockTimeout))
			if err == nil {
				err = h.SetBPF(wanted.Raw())
			}
			if err != nil {
				return nil, nil, err
			}
			return func() (int, error) { _, _, err := h.ZeroCopyReadPacketData(); return 1, err }, h.Close, nil
		})},
		{"capturing, 100 packets at once", "packet", batches * socket, ours(socket, small), measure("pcapgo, zero copy", socket, func() (func() (int, error), func(), error) {
			h, err := pcapgo.NewEthernetHandle("lo")
			if err == nil {
				err = h.SetBPF(wanted.Raw())
			}
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
