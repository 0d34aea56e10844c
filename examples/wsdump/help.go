package main

const help = `wsdump is tcpdump for WebSocket messages.

  wsdump [options] [filter]                 capture live (Linux; needs CAP_NET_RAW)
  wsdump -r FILE [options] [filter]         read a capture file
  wsdump --demo                             see it at work, without anything else

The filter is pcap-filter(7)'s language, as in tcpdump: port 7272, host 10.0.0.1 ...
Letters mean what they mean in tcpdump, and bundle: wsdump -Ans 4096 -iany port 7272

Where from
  -i IFACE    interface, several with commas between, or a number of -D (default any)
  -r FILE     read a file of tcpdump -w; - is standard input
  --follow    with -r, wait for more at the end of the file
  -F FILE     take the filter from a file
  -s LEN      keep at most LEN bytes of a packet (default 262144)
  -B KIB      size of the kernel's ring
  -p          do not make the interface promiscuous
  -Q DIR      in, out or inout
  --no-tunnels
              do not look into tunnels (VXLAN, Geneve, GRE, GTP, L2TP and the like)
  --copies    show a connection that is seen at several places at each of them
              (NAT, tunnels, proxies that keep the addresses); otherwise once
  -Z USER     give up root for USER once the capture and the file of -w are open

Where to
  -w FILE     write the packets to a file; - is standard output. Prints no messages,
              except with --print
  -U          with -w, write each packet at once
  --json      one JSON object a line
  --count     print only how many messages there were
  -c N        stop after N messages
  -l          hand over each line at once, also when reading a file

How it looks
  -A          whole text payloads (otherwise the first 512 bytes)
  -x, -X      binary payloads in hex, and in ASCII too
  -q          no payloads
  -v          the headers of the opening handshake, and at the end where every packet
              and byte went
  --show-secrets
              cookies, credentials and tokens of the handshake (otherwise ***)
  -t          no time; -tt seconds since 1970; -ttt since the line before;
              -tttt with the date; -ttttt since the first line
  --nano      times in nanoseconds
  -#          number the messages

Other
  -D          list the interfaces
  -d          print the compiled filter; -dd as C, -ddd as numbers
  -n, -N, -K  accepted: addresses are never looked up, checksums never verified
  --help, --version

Messages go to standard output, all else to standard error. SIGUSR1 shows the counters.
Exit status: 0 at the end of a file or on SIGINT and SIGTERM, 1 on failure, 2 on
wrong usage.
`
