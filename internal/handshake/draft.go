package handshake

import (
	"strconv"
	"strings"

	"github.com/wstap/wstap/internal/http1"
)

// Draft names the draft before RFC 6455 in which a handshake is, by its last common
// name; "" for the RFC's own. framed says that its frames are those of the RFC:
// hybi-07 and later. The request may be empty.
func Draft(request, response http1.Fields) (name string, framed bool) {
	if strings.Contains(string(request), "Sec-WebSocket-Version: 13\r\n") { // as nearly all write it
		return "", true
	}
	version := request.Get("Sec-WebSocket-Version")
	if n, err := strconv.Atoi(version); err == nil && n >= 0 && n < 13 {
		return "hybi-" + strconv.Itoa(n/10) + strconv.Itoa(n%10), n >= 7
	}
	if version != "" || response.Get("Sec-WebSocket-Accept") != "" || request.Get("Sec-WebSocket-Key") != "" {
		return "", true
	}
	switch {
	case request.Get("Sec-WebSocket-Key1") != "" && request.Get("Sec-WebSocket-Key2") != "",
		response.Get("Sec-WebSocket-Location") != "", response.Get("Sec-WebSocket-Origin") != "":
		return "hixie-76", false // hybi-00 is the same
	case response.Get("WebSocket-Location") != "", response.Get("WebSocket-Origin") != "":
		return "hixie-75", false
	}
	return "", true
}
