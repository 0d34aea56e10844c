package decode

import "strconv"

// A LinkType says how a frame begins: a LINKTYPE_ value of the capture file
// formats (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// The link types that Decode reads.
const (
	LinkNull         LinkType = 0   // BSD loopback, address family in host byte order
	LinkEthernet     LinkType = 1   // Ethernet
	LinkTokenRing    LinkType = 6   // IEEE 802.5
	LinkPPP          LinkType = 9   // PPP, with or without HDLC-like framing (RFC 1662)
	LinkFDDI         LinkType = 10  // FDDI
	LinkPPPSerial    LinkType = 50  // PPP in HDLC-like framing, or Cisco HDLC
	LinkPPPoE        LinkType = 51  // a PPPoE session header (RFC 2516)
	LinkATM          LinkType = 100 // LLC on ATM (RFC 2684)
	LinkRaw          LinkType = 101 // an IPv4 or IPv6 header, told apart by its version
	LinkHDLC         LinkType = 104 // Cisco HDLC
	LinkDot11        LinkType = 105 // IEEE 802.11
	LinkFrameRelay   LinkType = 107 // frame relay (RFC 2427)
	LinkLoop         LinkType = 108 // OpenBSD loopback, address family in network byte order
	LinkENC          LinkType = 109 // OpenBSD's and FreeBSD's enc(4)
	LinkSLL          LinkType = 113 // Linux cooked capture v1
	LinkPFLog        LinkType = 117 // the log of OpenBSD's packet filter
	LinkPrism        LinkType = 119 // 802.11 behind a Prism header
	LinkIPFC         LinkType = 122 // IP over Fibre Channel (RFC 2625)
	LinkSunATM       LinkType = 123 // ATM as SunATM devices give it
	LinkRadiotap     LinkType = 127 // 802.11 behind a radiotap header
	LinkFirewire     LinkType = 138 // Apple's IP over IEEE 1394
	LinkPKTAPUser    LinkType = 149 // LINKTYPE_USER2, which Apple wrote for PKTAP
	LinkAVS          LinkType = 163 // 802.11 behind an AVS header
	LinkPPPPPPD      LinkType = 166 // PPP of Linux's pppd, a direction in place of the address
	LinkJuniperEther LinkType = 178 // Ethernet behind a Juniper header
	LinkPPI          LinkType = 192 // per-packet information, then a link type of its own
	LinkERF          LinkType = 197 // Endace's extensible record format
	LinkPPPDir       LinkType = 204 // PPP behind a direction
	LinkHDLCDir      LinkType = 205 // Cisco HDLC behind a direction
	LinkFrameDir     LinkType = 206 // frame relay behind a direction
	LinkIPNET        LinkType = 226 // Solaris's IP observability
	LinkIPv4         LinkType = 228 // an IPv4 header
	LinkIPv6         LinkType = 229 // an IPv6 header
	LinkNFLOG        LinkType = 239 // Linux's netfilter log
	LinkNetAnalyzer  LinkType = 240 // Ethernet with FCS behind a header of Hilscher's netANALYZER
	LinkIPoIB        LinkType = 242 // IP over InfiniBand (RFC 4391)
	LinkInfiniBand   LinkType = 247 // InfiniBand from the local route header on
	LinkPKTAP        LinkType = 258 // Apple's PKTAP, then a link type of its own
	LinkMPacket      LinkType = 274 // Ethernet with its preamble (IEEE 802.3br)
	LinkSLL2         LinkType = 276 // Linux cooked capture v2
	LinkDSABroadcom  LinkType = 281 // Ethernet with a Broadcom switch's tag
	LinkDSAPrepended LinkType = 282 // Ethernet behind a Broadcom switch's tag
	LinkDSA          LinkType = 284 // Ethernet with a Marvell switch's tag
	LinkEDSA         LinkType = 285 // Ethernet with a Marvell switch's tag that has an EtherType

	linkRaw12 LinkType = 12 // LinkRaw in files of some writers, and in PKTAP
	linkRaw14 LinkType = 14 // LinkRaw of OpenBSD
)

// linkNames are the names that tcpdump prints.
var linkNames = map[LinkType]string{
	LinkNull: "NULL", LinkEthernet: "EN10MB", LinkTokenRing: "IEEE802", LinkPPP: "PPP", LinkFDDI: "FDDI",
	LinkPPPSerial: "PPP_SERIAL", LinkPPPoE: "PPP_ETHER", LinkATM: "ATM_RFC1483", LinkRaw: "RAW", LinkHDLC: "C_HDLC",
	LinkDot11: "IEEE802_11", LinkFrameRelay: "FRELAY", LinkLoop: "LOOP", LinkENC: "ENC", LinkSLL: "LINUX_SLL",
	LinkPFLog: "PFLOG", LinkPrism: "PRISM_HEADER", LinkIPFC: "IP_OVER_FC", LinkSunATM: "SUNATM",
	LinkRadiotap: "IEEE802_11_RADIO", LinkFirewire: "APPLE_IP_OVER_IEEE1394", LinkPKTAPUser: "USER2",
	LinkAVS: "IEEE802_11_RADIO_AVS", LinkPPPPPPD: "PPP_PPPD", LinkJuniperEther: "JUNIPER_ETHER", LinkPPI: "PPI",
	LinkERF: "ERF", LinkPPPDir: "PPP_WITH_DIR", LinkHDLCDir: "C_HDLC_WITH_DIR", LinkFrameDir: "FRELAY_WITH_DIR",
	LinkIPNET: "IPNET", LinkIPv4: "IPV4", LinkIPv6: "IPV6", LinkNFLOG: "NFLOG", LinkNetAnalyzer: "NETANALYZER",
	LinkIPoIB: "IPOIB", LinkInfiniBand: "INFINIBAND", LinkPKTAP: "PKTAP", LinkMPacket: "ETHERNET_MPACKET",
	LinkSLL2: "LINUX_SLL2", LinkDSABroadcom: "DSA_TAG_BRCM", LinkDSAPrepended: "DSA_TAG_BRCM_PREPEND",
	LinkDSA: "DSA_TAG_DSA", LinkEDSA: "DSA_TAG_EDSA",
}

// String returns the type's name as tcpdump prints it, such as "EN10MB".
func (l LinkType) String() string {
	if s, ok := linkNames[l]; ok {
		return s
	}
	return "LINKTYPE_" + strconv.Itoa(int(l))
}

// Devices' types, ARPHRD_ values of Linux's if_arp.h, that cooked headers and
// interfaces tell and that matter here.
const (
	ARPHRDEthernet = 1
	ARPHRDRawIP    = 519 // no link layer
	ARPHRDFRAD     = 770 // frame relay
	ARPHRDLoopback = 772
	ARPHRDDot11    = 801
	ARPHRDPrism    = 802
	ARPHRDRadiotap = 803
	ARPHRDNetlink  = 824
	ARPHRDNone     = 0xfffe // no link layer: TUN, WireGuard
)

// DeviceLink returns how a capture of a device of this ARPHRD_ type begins:
// LinkEthernet, LinkRaw, or LinkSLL2 where only a cooked one can be read.
func DeviceLink(arphrd uint16) LinkType {
	switch arphrd {
	case ARPHRDEthernet, ARPHRDLoopback:
		return LinkEthernet
	case ARPHRDNone, ARPHRDRawIP:
		return LinkRaw
	}
	return LinkSLL2
}
