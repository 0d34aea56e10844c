package decode

import "strconv"

// A LinkType says how a frame begins: a LINKTYPE_ value of the capture file
// formats (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// The link types that Decode knows.
const (
	LinkNull     LinkType = 0   // BSD loopback, address family in host byte order
	LinkEthernet LinkType = 1   // Ethernet
	LinkRaw      LinkType = 101 // an IPv4 or IPv6 header, told by its version
	LinkLoop     LinkType = 108 // OpenBSD loopback, address family in network byte order
	LinkSLL      LinkType = 113 // Linux cooked capture v1
	LinkIPv4     LinkType = 228 // an IPv4 header
	LinkIPv6     LinkType = 229 // an IPv6 header
	LinkSLL2     LinkType = 276 // Linux cooked capture v2
)

// String returns the type's name as tcpdump prints it, such as "EN10MB".
func (l LinkType) String() string {
	switch l {
	case LinkNull:
		return "NULL"
	case LinkEthernet:
		return "EN10MB"
	case LinkRaw:
		return "RAW"
	case LinkLoop:
		return "LOOP"
	case LinkSLL:
		return "LINUX_SLL"
	case LinkIPv4:
		return "IPV4"
	case LinkIPv6:
		return "IPV6"
	case LinkSLL2:
		return "LINUX_SLL2"
	}
	return "LINKTYPE_" + strconv.Itoa(int(l))
}
