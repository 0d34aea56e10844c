package decode

// EtherTypes that Decode looks at
// (https://www.iana.org/assignments/ieee-802-numbers).
const (
	EtherTypeIPv4          = 0x0800
	EtherTypeARP           = 0x0806 // not read; named for its users
	EtherTypeTRILL         = 0x22f3 // RFC 6325
	EtherTypeTEB           = 0x6558 // transparent Ethernet bridging: a frame in a frame
	EtherTypeVLAN          = 0x8100 // IEEE 802.1Q
	EtherTypeIPv6          = 0x86dd
	EtherTypePPP           = 0x880b
	EtherTypeMPLS          = 0x8847
	EtherTypeMPLSMulticast = 0x8848
	EtherTypePPPoE         = 0x8864 // session; RFC 2516
	EtherTypeJumbo         = 0x8870 // 802.2 longer than a length can say
	EtherTypeQinQ          = 0x88a8 // IEEE 802.1ad
	EtherTypeMACsec        = 0x88e5 // IEEE 802.1AE
	EtherTypePBB           = 0x88e7 // IEEE 802.1ah
	EtherTypeFabricPath    = 0x8903 // Cisco
	EtherTypeCMD           = 0x8909 // Cisco metadata: security group tags
	EtherTypeVNTag         = 0x8926
	EtherTypeHSR           = 0x892f // IEC 62439-3
	EtherTypeETag          = 0x893f // IEEE 802.1BR
	EtherTypeNSH           = 0x894f // RFC 8300
	EtherTypeQinQ9100      = 0x9100 // before 802.1ad had its own
	EtherTypeQinQ9200      = 0x9200
	EtherTypeArista        = 0xd28b // a time stamp
	EtherTypeEDSA          = 0xdada // a tag of Linux's DSA
	EtherTypeRTag          = 0xf1c1 // IEEE 802.1CB

	// MaxLength8023 is the greatest value that is a length (IEEE 802.3), not an EtherType.
	MaxLength8023 = 1500
)
