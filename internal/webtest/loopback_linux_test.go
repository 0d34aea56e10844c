package webtest

import "golang.org/x/sys/unix"

// loopbackUp sets lo up where it is not, as in a network namespace that is new.
// Elsewhere it is up, and to say so again needs a capability that may be missing.
func loopbackUp() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil || unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req) != nil || req.Uint16()&unix.IFF_UP != 0 {
		return
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	_ = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req) // if not, wsdump says so
}
