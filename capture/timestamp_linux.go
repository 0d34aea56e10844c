package capture

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// hardwareTime makes the adapter take the time of frames that it receives. It
// cannot be tried without such an adapter: the live tests see it refused.
func (s *shard) hardwareTime(index int) error {
	if index == 0 {
		return errors.New("only one interface by itself can have them")
	}
	return s.socket.Control(func(fd int) error {
		name, err := interfaceName(fd, index)
		if err != nil {
			return err
		}
		info, err := unix.IoctlGetEthtoolTsInfo(fd, name)
		const need = unix.SOF_TIMESTAMPING_RX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE
		if err != nil || info.So_timestamping&need != need {
			return fmt.Errorf("%s has no clock for them", name)
		}
		// Another program may have switched them on for all frames.
		cfg, err := unix.IoctlGetHwTstamp(fd, name)
		if err != nil || cfg.Rx_filter != unix.HWTSTAMP_FILTER_ALL {
			cfg = &unix.HwTstampConfig{Rx_filter: unix.HWTSTAMP_FILTER_ALL}
			err = unix.IoctlSetHwTstamp(fd, name, cfg)
			if errors.Is(err, os.ErrPermission) {
				return errors.New("CAP_NET_ADMIN is missing to switch them on")
			}
			if err != nil {
				return os.NewSyscallError("ioctl SIOCSHWTSTAMP", err)
			}
			if cfg.Rx_filter != unix.HWTSTAMP_FILTER_ALL {
				return fmt.Errorf("%s takes them of some frames only", name)
			}
		}
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_TIMESTAMP, unix.SOF_TIMESTAMPING_RAW_HARDWARE)
		return os.NewSyscallError("setsockopt PACKET_TIMESTAMP", err)
	})
}
