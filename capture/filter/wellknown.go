package filter

// wellKnownServices are for machines without /etc/services. An empty proto is
// both tcp and udp.
var wellKnownServices = []struct {
	names string
	proto string
	port  uint32
}{
	{"tcpmux", "tcp", 1}, {"echo", "", 7}, {"discard sink null", "", 9}, {"systat users", "tcp", 11},
	{"daytime", "", 13}, {"netstat", "tcp", 15}, {"qotd quote", "tcp", 17}, {"chargen ttytst source", "", 19},
	{"ftp-data", "tcp", 20}, {"ftp", "tcp", 21}, {"fsp fspd", "udp", 21}, {"ssh", "tcp", 22}, {"telnet", "tcp", 23},
	{"smtp mail", "tcp", 25}, {"time timserver", "", 37}, {"whois nicname", "tcp", 43}, {"tacacs", "", 49},
	{"domain", "", 53}, {"bootps", "udp", 67}, {"bootpc", "udp", 68}, {"tftp", "udp", 69}, {"gopher", "tcp", 70},
	{"finger", "tcp", 79}, {"http www", "tcp", 80}, {"kerberos kerberos5 krb5 kerberos-sec", "", 88},
	{"pop3 pop-3", "tcp", 110}, {"sunrpc portmapper", "", 111}, {"auth authentication tap ident", "tcp", 113},
	{"nntp readnews untp", "tcp", 119}, {"ntp", "udp", 123}, {"epmap loc-srv", "tcp", 135},
	{"netbios-ns", "udp", 137}, {"netbios-dgm", "udp", 138}, {"netbios-ssn", "tcp", 139},
	{"imap2 imap", "tcp", 143}, {"snmp", "", 161}, {"snmp-trap snmptrap", "", 162}, {"bgp", "tcp", 179},
	{"irc", "", 194}, {"ldap", "", 389}, {"https", "", 443}, {"microsoft-ds", "", 445},
	{"submissions ssmtp smtps urd", "tcp", 465}, {"isakmp", "udp", 500}, {"exec", "tcp", 512},
	{"biff comsat", "udp", 512}, {"login", "tcp", 513}, {"who whod", "udp", 513}, {"shell cmd syslog", "tcp", 514},
	{"syslog", "udp", 514}, {"printer spooler", "tcp", 515}, {"route router routed", "udp", 520},
	{"dhcpv6-client", "udp", 546}, {"dhcpv6-server", "udp", 547}, {"rtsp", "", 554}, {"nntps snntp", "tcp", 563},
	{"submission", "tcp", 587}, {"ldaps", "", 636}, {"domain-s", "", 853}, {"rsync", "tcp", 873},
	{"imaps", "tcp", 993}, {"pop3s", "tcp", 995}, {"socks", "tcp", 1080}, {"openvpn", "", 1194},
	{"ms-sql-s", "tcp", 1433}, {"ms-sql-m", "udp", 1434}, {"radius", "", 1812}, {"radius-acct radacct", "", 1813},
	{"nfs", "", 2049}, {"gtp-control", "", 2123}, {"gtp-user", "", 2152}, {"iscsi-target", "tcp", 3260},
	{"mysql", "tcp", 3306}, {"ms-wbt-server", "tcp", 3389}, {"ipsec-nat-t", "udp", 4500}, {"vxlan", "udp", 4789},
	{"sip", "", 5060}, {"sip-tls", "", 5061}, {"xmpp-client jabber-client", "tcp", 5222}, {"mdns", "udp", 5353},
	{"postgresql postgres", "tcp", 5432}, {"amqps", "tcp", 5671}, {"amqp", "", 5672}, {"x11 x11-0", "tcp", 6000},
	{"redis", "tcp", 6379}, {"http-alt webcache", "", 8080}, {"puppet", "tcp", 8140}, {"git", "tcp", 9418},
	{"zabbix-agent", "tcp", 10050}, {"zabbix-trapper", "tcp", 10051},
}

// wellKnownProtocols are for machines without /etc/protocols.
var wellKnownProtocols = map[string]uint32{
	"ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ip-encap": 4, "st": 5, "tcp": 6, "egp": 8, "igp": 9,
	"pup": 12, "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36, "ddp": 37,
	"idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47, "esp": 50,
	"ipsec-esp": 50, "ah": 51, "ipsec-ah": 51, "skip": 57, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
	"rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ospfigp": 89, "ax.25": 93, "ipip": 94, "etherip": 97,
	"encap": 98, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132, "fc": 133,
	"mobility-header": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140, "wesp": 141, "rohc": 142,
}

// etherNames are the names that "ether proto" knows.
var etherNames = map[string]uint32{
	"aarp": etherAARP, "arp": etherARP, "atalk": etherAtalk, "decnet": etherDECnet, "ip": etherIP,
	"ip6": etherIPv6, "lat": etherLAT, "loopback": etherLoopback, "mopdl": etherMOPDL, "moprc": etherMOPRC,
	"rarp": etherRARP, "sca": etherSCA, "iso": sapISO, "stp": sapSTP, "ipx": sapIPX, "netbeui": sapNetBEUI,
}
