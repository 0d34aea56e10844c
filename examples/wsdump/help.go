package main

const help = `wsdump is tcpdump for WebSocket messages.

  wsdump [options] [filter]                 capture live (Linux; needs CAP_NET_RAW)
  wsdump -r FILE [options] [filter]         read a capture file
  wsdump --demo                             see it at work, without anything else

The filter is pcap-filter(7)'s language, as in tcpdump: port 7272, host 10.0.0.1 ...
Letters mean what they mean in tcpdump, and bundle: wsdump -Ans 4096 -iany port 7272

Where from
  -i IFACE    interface, several with commas between, or a number of -D (default any)
  -r FILE     read a file of tcpdump -w, or of wsdump --json; - is standard input.
              Several captures are read as one, in the order of time
  --follow    with -r, wait for more at the end of the file, and for the file that takes
              its place, as tail -F
  --keylog FILE
              open TLS with the secrets in FILE, as SSLKEYLOGFILE names it; may be given
              several times, and come or grow later; - is standard input. Those that
              a pcapng file holds are used without it
  -F FILE     take the filter from a file
  -s LEN      keep at most LEN bytes of a packet (default 262144)
  -B KIB      size of the kernel's ring
  -p          do not make the interface promiscuous
  -Q DIR      in, out or inout
  --netns NAME
              capture in another network namespace: a name of ip netns, a path, or the
              id of a process
  --container ID
              capture in the network namespace of a container (docker, containerd,
              CRI-O, podman); the beginning of its id will do
  --no-tunnels
              do not look into tunnels (VXLAN, Geneve, GRE, GTP, L2TP and the like)
  --copies    show a connection that is seen at several places at each of them
              (NAT, tunnels, proxies that keep the addresses); otherwise once
  --websocket
              what passes the filter is WebSocket: connections that the capture joins in
              the middle are shown from their first frame on, without more evidence
  -Z USER     give up root for USER once the capture and the file of -w are open

Where to
  -w FILE     write the packets to a file; - is standard output. Prints no messages,
              except with --print. A name that ends in .pcapng or .gz says what it is;
              pcapng gets the secrets of --keylog too
  -U          with -w, write each packet at once
  -C MB       with -w, begin another file after so many million bytes (or 5k, 5m, 5g)
  -G SEC      with -w, begin another file after so many seconds; its name is a form for
              strftime(3): %Y-%m-%d_%H%M%S.pcap
  -W N        with -C, overwrite the first of N files; with -G, end after N files
  -z COMMAND  with -C or -G, run COMMAND FILE on each file that is complete
  --json[=FILE]
              one JSON object a line, to a file if one is named. After SIGHUP a new file
              of that name takes the lines that follow
  --count     print only how many messages there were
  -c N        stop after N messages
  --duration D
              stop after that time, such as 90s or 10m
  -l          hand over each line at once, also when reading a file

Which messages (each narrows what is shown, counted and written)
  --match RE, --not-match RE
              whose payload matches, or not (RE2; repeatable; \\xff is also that byte)
  --only LIST of text, binary, close, ping, pong, data, control
  --from SIDE of client or server
  --conn N,.. of these connections
  --url RE    of connections with such a URL

What else to make of them
  --har FILE  write an HTTP Archive, as the network panels of browsers open it
  --summary   one line a connection at its end: duration, messages and bytes each way,
              who closed it. SIGUSR1 shows those that go on
  --extract DIR
              write each binary and each long payload into a file

The page
  --web[=ADDR] (also --web HOST:PORT)
              show it in a browser, at an address that is printed, until Ctrl-C: also
              after the end of a file. Without ADDR (HOST, PORT or HOST:PORT) it is on
              this machine alone and its port is free. Prints no messages, except with
              --print, and takes none of its own packets
  --web-memory SIZE
              keep the latest messages in so much memory (default 256M, or a quarter
              of --memory)

How it looks
  -A          whole text payloads (otherwise the first 512 bytes)
  -x, -X      binary payloads in hex, and in ASCII too
  --pretty    indent text payloads that are JSON
  -q          no payloads
  -v          the headers of the opening handshake, and at the end where every packet
              and byte went
  --show-secrets
              cookies, credentials and tokens of the handshake (otherwise ***)
  -t          no time; -tt seconds since 1970; -ttt since the line before;
              -tttt with the date; -ttttt since the first line
  --nano      times in nanoseconds
  -#          number the messages

How much
  --max-message SIZE
              keep so much of a message, such as 64M, and cut the rest off
  --memory SIZE
              make do with so much memory. By default what GOMEMLIMIT and the cgroup
              allow, at most 1G

Other
  -D          list the interfaces
  -d          print the compiled filter; -dd as C, -ddd as numbers
  -n, -N, -K  accepted: addresses are never looked up, checksums never verified
  --help, --version

Messages go to standard output, all else to standard error. SIGUSR1 shows the counters.
A signal ends the capture in good order, for which a slow reader of the output has 3
seconds; another one a second later or more ends it at once.
Exit status: 0 at the end of a file or on SIGINT and SIGTERM, 1 on failure, 2 on
wrong usage.
`
