package websocket

// What the tests send of HTTP/2 (RFC 9113, section 6; RFC 8441, section 3).
const (
	typeData         = 0x0
	typeHeaders      = 0x1
	typeReset        = 0x3
	typeSettings     = 0x4
	typePing         = 0x6
	typeContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingEnableConnect = 0x8
)
