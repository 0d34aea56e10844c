package main

import (
	"errors"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/wstap/wstap/capture/filter"
	"github.com/wstap/wstap/decode"
	"github.com/wstap/wstap/internal/cli"
)

// place shows where in the filter a mistake is, unless that says nothing.
func place(e *filter.Error) string {
	const longest = 500
	if e.Len >= len(e.Expr) || len(e.Expr) > longest {
		return ""
	}
	return "    " + strings.ReplaceAll(e.Point(), "\n", "\n    ") + "\n"
}

// A hinted error knows what was probably meant.
type hinted struct {
	error
	meant string // what to type instead
}

func (h *hinted) Unwrap() error { return h.error }

// explainFilter adds to a mistake in the filter what was probably meant.
func (o *options) explainFilter(err error) error {
	var mistake *filter.Error
	if !errors.As(err, &mistake) || o.filterFile {
		return err
	}
	if meant := o.meant(mistake); meant != "" {
		return &hinted{err, meant}
	}
	return err
}

// meant returns what was probably meant, or nothing.
func (o *options) meant(e *filter.Error) string {
	expr := strings.TrimSpace(e.Expr)
	if o.web && o.webAddr == "" && isPageAddr(strings.Fields(expr)) {
		return "wsdump --web=" + expr
	}
	if !strings.ContainsAny(expr, " \t\n") {
		if isInterface(expr) && o.iface != expr {
			return "wsdump -i " + expr
		}
		if info, err := os.Stat(expr); err == nil && !info.IsDir() && o.read == "" {
			return "wsdump -r " + expr
		}
	}
	for _, rewrite := range rewrites {
		better := rewrite(expr, e)
		if better == "" || better == expr {
			continue
		}
		if _, err := filter.Compile(better, filter.Target{Link: decode.LinkSLL2}); err != nil {
			continue
		}
		if o.noPromisc && digits().MatchString(expr) {
			better += " (-p is --no-promiscuous-mode, as in tcpdump)"
		}
		return "wsdump " + better
	}
	return ""
}

// isPageAddr says whether the first word of a filter is an address for --web, whose
// "=" was forgotten.
func isPageAddr(words []string) bool {
	if len(words) == 0 {
		return false
	}
	host, _, err := splitAddr(words[0])
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

func isInterface(name string) bool {
	list, err := cli.Interfaces()
	if err != nil {
		return false
	}
	for i := range list {
		if list[i].Name == name {
			return true
		}
	}
	return false
}

// lazy returns a pattern that is compiled when a mistake is to be explained.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	digits   = lazy(`^\d{1,5}$`)
	numbers  = lazy(`^\d{1,5}([ ,]+\d{1,5})+$`)
	assigned = lazy(`\b(ports?|host|net|portrange|src|dst|proto)\s*[:=]+\s*`)
	byProto  = lazy(`\b(tcp|udp)[:/](\d{1,5})\b`)
	suffixed = lazy(`\b(\d{1,5})/(tcp|udp)\b`)
	endpoint = lazy(`^(?:(ws|wss|http|https)://)?([^\s/:]*|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(?:/\S*)?$`)
	another  = lazy(`\bport \d+ ?[,;]? ?$`)
)

// rewrites make another filter of one that is none. What they return counts only
// if it is one.
var rewrites = []func(expr string, e *filter.Error) string{
	func(expr string, _ *filter.Error) string {
		switch {
		case digits().MatchString(expr):
			return "port " + expr
		case numbers().MatchString(expr):
			return "port " + strings.Join(strings.FieldsFunc(expr, func(r rune) bool { return r == ' ' || r == ',' }), " or port ")
		}
		return ""
	},
	func(expr string, _ *filter.Error) string {
		return strings.ReplaceAll(assigned().ReplaceAllString(expr, "$1 "), "ports ", "port ")
	},
	func(expr string, _ *filter.Error) string {
		return suffixed().ReplaceAllString(byProto().ReplaceAllString(expr, "$1 port $2"), "$1 and $2")
	},
	func(expr string, _ *filter.Error) string { return endpointFilter(expr) },
	func(expr string, e *filter.Error) string { // port 7272 8080
		before, token := e.Expr[:min(e.Offset, len(e.Expr))], e.Expr[min(e.Offset, len(e.Expr)):]
		if at := regexp.MustCompile(`^[ ,;]*(\d{1,5})`).FindStringSubmatchIndex(token); at != nil && another().MatchString(before) {
			return strings.TrimRight(before, " ,;") + " or port " + token[at[2]:]
		}
		return ""
	},
	func(expr string, e *filter.Error) string { // prot 7272
		end := min(e.Offset+e.Len, len(e.Expr))
		near := cli.Nearest(strings.ToLower(e.Expr[min(e.Offset, end):end]), filterWords)
		if len(near) == 0 || e.Len < 3 {
			return ""
		}
		return strings.TrimSpace(e.Expr[:e.Offset] + near[0] + e.Expr[end:])
	},
}

// filterWords are those that filters of wsdump are made of.
var filterWords = []string{"port", "host", "net", "portrange", "src", "dst", "tcp", "udp", "ip", "ip6", "and", "or", "not", "vlan", "proto", "ether"}

// endpointFilter makes a filter of an address, or of a URL.
func endpointFilter(expr string) string {
	m := endpoint().FindStringSubmatch(expr)
	if m == nil {
		return ""
	}
	scheme, host, port := m[1], strings.Trim(m[2], "[]"), m[3]
	switch {
	case port != "":
	case scheme == "ws", scheme == "http":
		port = "80"
	case scheme == "wss", scheme == "https":
		port = "443"
	default:
		return ""
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return "host " + addr.String() + " and port " + port
	}
	return "port " + port
}
