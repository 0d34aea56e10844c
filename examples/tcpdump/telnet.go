package main

import "fmt"

// Telnet commands (RFC 854).
const (
	telnetEOF = 236 // the first that has a name
	telnetSE  = 240
	telnetSB  = 250
	telnetIAC = 255
)

var telnetCommands = [...]string{
	"EOF", "SUSP", "ABORT", "EOR", "SE", "NOP", "DMARK", "BRK", "IP", "AO", "AYT", "EC", "EL", "GA", "SB",
	"WILL", "WONT", "DO", "DONT", "IAC",
}

var telnetOptions = [...]string{
	"BINARY", "ECHO", "RCP", "SUPPRESS GO AHEAD", "NAME", "STATUS", "TIMING MARK", "RCTE", "NAOL", "NAOP", "NAOCRD",
	"NAOHTS", "NAOHTD", "NAOFFD", "NAOVTS", "NAOVTD", "NAOLFD", "EXTEND ASCII", "LOGOUT", "BYTE MACRO",
	"DATA ENTRY TERMINAL", "SUPDUP", "SUPDUP OUTPUT", "SEND LOCATION", "TERMINAL TYPE", "END OF RECORD", "TACACS UID",
	"OUTPUT MARKING", "TTYLOC", "3270 REGIME", "X.3 PAD", "NAWS", "TSPEED", "LFLOW", "LINEMODE", "XDISPLOC",
	"OLD-ENVIRON", "AUTHENTICATION", "ENCRYPT", "NEW-ENVIRON",
}

// The words of suboptions.
var (
	telnetSub      = []string{"IS", "SEND", "INFO"}
	telnetAuth     = []string{"IS", "SEND", "REPLY", "NAME"}
	telnetAuthType = []string{
		"NULL", "KERBEROS_V4", "KERBEROS_V5", "SPX", "MINK", "SRP", "RSA", "SSL", "", "", "LOKI", "SSA", "KEA_SJ",
		"KEA_SJ_INTEG", "DSS", "NTLM",
	}
	telnetEncrypt = []string{
		"IS", "SUPPORT", "REPLY", "START", "END", "REQUEST-START", "REQUEST-END", "END_KEYID", "DEC_KEYID",
	}
	telnetEncType = []string{
		"NULL", "DES_CFB64", "DES_OFB64", "DES3_CFB64", "DES3_OFB64", "", "CAST5_40_CFB64", "CAST5_40_OFB64",
		"CAST128_CFB64", "CAST128_OFB64",
	}
)

// telnet prints the commands that data begins with.
func (p *printer) telnet(off, length int) {
	p.proto = "telnet"
	start := off
	dump := p.X > 0 && p.v > 2
	first := true
	for length > 0 && p.u8(off) == telnetIAC { // a suboption cut short runs into the end of the packet
		text, n := p.telnetCommand(off, length)
		if n < 0 {
			break
		}
		switch {
		case dump:
			if first {
				p.s("\nTelnet:")
			}
			p.hex("\n", off, n, off-start)
			if n > 8 {
				p.s("\n\t\t\t\t")
			} else {
				p.f("%*s\t", (8-n)*3, "")
			}
		case first:
			p.s(" [telnet ")
		default:
			p.s(", ")
		}
		p.s(text)
		first = false
		off += n
		if length -= n; length < 0 {
			length = 2
		}
	}
	if !first {
		if dump {
			p.s("\n")
		} else {
			p.s("]")
		}
	}
}

// telnetCommand returns the command at off in words and its length, less than 0
// if it does not end.
func (p *printer) telnetCommand(off, length int) (string, int) {
	if length < 2 {
		return "", -1
	}
	c := p.u8(off + 1)
	switch {
	case c == telnetIAC:
		return "IAC IAC", 2
	case c < telnetEOF:
		return "", -1
	case c < telnetSB:
		return telnetCommands[c-telnetEOF], 2
	case length < 3:
		return "", -1
	}
	option := p.u8(off + 2)
	text := telnetCommands[c-telnetEOF] + " "
	if int(option) < len(telnetOptions) {
		text += telnetOptions[option]
	} else {
		text += fmt.Sprintf("%#x", option)
	}
	if c != telnetSB {
		return text, 3
	}
	at, end := 3, 3 // a suboption goes up to IAC SE
	for length > end+1 && !(p.u8(off+end) == telnetIAC && p.u8(off+end+1) == telnetSE) {
		end++
	}
	if p.u8(off+end) != telnetIAC {
		return "", -1
	}
	words := [][]string{telnetSub}
	switch option {
	case 37:
		words = [][]string{telnetAuth, telnetAuthType}
	case 38:
		words = [][]string{telnetEncrypt, telnetEncType}
	}
	for _, table := range words {
		if at >= end && len(table) > 0 {
			break
		}
		if at >= length {
			return "", -1
		}
		v := p.u8(off + at)
		at++
		if int(v) < len(table) && table[v] != "" {
			text += " " + table[v]
		} else {
			text += " " + number(v)
		}
	}
	for ; at < end; at++ {
		text += " " + number(p.u8(off+at))
	}
	return text + " SE", at + 2
}

// number writes v as %#x of C does: 0 has no prefix.
func number(v uint8) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", v)
}
