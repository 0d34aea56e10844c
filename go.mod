module github.com/wstap/wstap

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/mdlayher/packet v1.2.0
	golang.org/x/crypto v0.58.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/mdlayher/socket v0.7.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
)
