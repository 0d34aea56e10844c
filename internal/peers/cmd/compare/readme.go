package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The markers between which README holds the table.
const (
	begin = "<!-- cmd/compare -write writes what follows -->\n"
	end   = "<!-- cmd/compare -write wrote what precedes -->\n"
)

// quoted are the rows that README shows, in its order. The others say the same
// of other captures.
var quoted = []string{
	"many messages a segment: wsdump --count, gopacketdump",
	"one message a segment: wsdump --count, gopacketdump",
	"compressed: wsdump --count, gopacketdump",
	"large messages: wsdump --count, gopacketdump",
	"10,000 connections: wsdump --count, gopacketdump",
	"many messages a segment: wsdump --count, floor: read once, XOR-copy once",
	"one message a segment: wsdump --count, floor: read once, XOR-copy once",
	"large messages: wsdump --count, floor: read once, XOR-copy once",
	"10,000 connections: wsdump --count, floor: read once, XOR-copy once",
	"one message a segment: wsdump --json, tshark",
	"TLS 1.3, messages of 1400 bytes: wsdump --json, tshark",
	"starting, and 10 messages: wsdump -r, a Go program that does nothing",
	"reading a pcap file: pcapfile, pcapgo, zero copy",
	"decoding Ethernet, IPv4, TCP in the cache: decode, gopacket's reused parser",
	"decoding and reassembly: decode, reassembly, gopacket's",
	"one message a segment: Events, gopacket, gobwas/ws",
	"one message a segment: Messages, gopacket, gobwas/ws",
	"many messages a segment: Messages, gopacket, gobwas/ws",
	"compressed: Events, gopacket, gobwas/ws",
	"compressed: Messages, gopacket, gobwas/ws",
	"compressed: Count, 2 pipelines, 1 pipeline on 1 processor",
	"10,000 connections: Count, 2 pipelines, 1 pipeline on 1 processor",
	"one message a segment: Count, 2 pipelines, 1 pipeline on 1 processor",
	"one message a segment: Count, 2 pipelines, 1 pipeline",
	"capturing, 5000 packets at once: capture, gopacket/afpacket, zero copy",
	"capturing, 100 packets at once: capture, pcapgo, zero copy",
	"10,000 connections live, processor time: wsdump --json, tcpdump -w",
	"10,000 connections live, processor time: wsdump --json, suricata",
}

// quote makes README's table of what was measured, and says which rows were not.
func quote(headline string, lines []line) (block []byte, missing []string) {
	var b strings.Builder
	fmt.Fprint(&b, "\n", headline, ":\n\n", header("wstap", "the other"))
	for _, label := range quoted {
		i := slices.IndexFunc(lines, func(l line) bool { return l.label == label })
		if i < 0 {
			missing = append(missing, label)
			continue
		}
		b.WriteString(lines[i].text)
	}
	b.WriteString("\n")
	return []byte(b.String()), missing
}

// writeBlock puts a block between the markers of a file; nil only checks that
// they are there.
func writeBlock(file string, block []byte) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 || bytes.Contains(after, []byte(begin)) {
		return fmt.Errorf("%s has not one pair of the markers %q and %q", file, begin, end)
	}
	if block == nil {
		return nil
	}
	return os.WriteFile(file, slices.Concat(before, []byte(begin), block, []byte(end), after), 0o666)
}
