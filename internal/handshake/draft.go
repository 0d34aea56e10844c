package handshake

import (
	"strconv"

	"github.com/wstap/wstap/internal/http1"
)

// Draft names the draft before RFC 6455 in which a handshake is, by its last common
// name; "" for the RFC's own. framed says that its frames are those of the RFC:
// hybi-07 and later. The request may be none.
func Draft(request, response *http1.Head) (name string, framed bool) {
	for v := range request.Values(http1.Version) {
		if string(v) == "13" {
			return "", true
		}
	}
	version := request.Get(http1.Version)
	if n, err := strconv.Atoi(string(version)); err == nil && n >= 0 && n < 13 {
		return "hybi-" + strconv.Itoa(n/10) + strconv.Itoa(n%10), n >= 7
	}
	if len(version) > 0 || len(response.Get(http1.Accept)) > 0 || len(request.Get(http1.Key)) > 0 {
		return "", true
	}
	asked, answered := request.Fields(), response.Fields()
	switch {
	case asked.Get("Sec-WebSocket-Key1") != "" && asked.Get("Sec-WebSocket-Key2") != "",
		answered.Get("Sec-WebSocket-Location") != "", answered.Get("Sec-WebSocket-Origin") != "":
		return "hixie-76", false // hybi-00 is the same
	case answered.Get("WebSocket-Location") != "", answered.Get("WebSocket-Origin") != "":
		return "hixie-75", false
	}
	return "", true
}
