package arch

// A room is a package of the module and what its files may import. Paths are
// relative to the module, several are separated by spaces, and dir/* stands for
// all packages below dir.
type room struct {
	path    string
	imports string // packages of this module
	modules string // packages of other modules, those below them included
	tests   string // packages of this module that its tests may import too
	without string // names of imported packages that it must not use, as in fmt.Println

	kind    kind
	unsafe  bool // one file of it may import unsafe, see TestUnsafe
	planned bool // the package may be missing
}

// A kind says what a room may use of the standard library.
type kind int

const (
	library kind = iota // logs nothing, handles no signal, reads no flag, starts no process
	pure                // and has no files, sockets or system calls either
	program             // anything
)

// forbidden lists packages of the standard library, those below them included.
var forbidden = map[kind]string{
	library: "C embed expvar flag log os/exec os/signal plugin testing",
	pure:    "C embed expvar flag log os/exec os/signal plugin testing os io/fs net net/http syscall",
	program: "C",
}

// allowed lists packages that forbidden's entries would cover.
var allowed = map[kind]string{
	pure: "net/netip net/textproto net/url",
}

// What tests may import whatever the room.
const (
	testKits    = "internal/packetgen internal/testkit internal/testnet wstaptest"
	testModules = "github.com/coder/websocket github.com/mdlayher/packet golang.org/x/crypto golang.org/x/net golang.org/x/sys"
)

const (
	inner    = "internal/budget internal/flowhash internal/frame internal/handshake internal/http1 internal/http2 internal/inflate internal/list internal/proxyproto internal/redact internal/resync internal/socks"
	public   = "capture capture/filter capture/pcapfile decode decrypt export/* reassembly websocket"
	xsys     = "golang.org/x/sys"
	assembly = "reassembly.Assembler reassembly.New reassembly.Config"
)

// The house, from the wire to the messages. Arrows point upwards in this list.
var rooms = []room{
	// What knows nobody.
	{path: "internal/budget", imports: "internal/list", kind: pure},
	{path: "internal/escape", kind: pure},
	{path: "internal/inflate", imports: "internal/budget internal/list", kind: pure},
	{path: "internal/list", kind: pure},
	{path: "internal/proxyproto", kind: pure},
	{path: "internal/socks", kind: pure},

	// From the wire to the streams.
	{path: ".", kind: pure}, // its package comment
	{path: "decode", kind: pure},
	{path: "internal/flowhash", imports: "decode", kind: pure},
	{path: "internal/ipfrag", imports: "decode internal/flowhash internal/list", kind: pure},
	{path: "capture/filter", imports: "decode", modules: "golang.org/x/net/bpf"},
	{path: "capture/internal/tpacket", imports: "internal/flowhash", modules: "github.com/mdlayher/packet golang.org/x/net/bpf " + xsys, unsafe: true},
	{path: "capture", imports: "capture/filter capture/internal/tpacket decode internal/flowhash internal/ipfrag",
		modules: "golang.org/x/net/bpf " + xsys},
	{path: "capture/pcapfile", imports: "capture capture/filter decode internal/flowhash internal/ipfrag internal/list",
		tests: "websocket"}, // an example
	{path: "reassembly", imports: "decode internal/budget internal/flowhash internal/ipfrag internal/list", kind: pure},

	// From the streams to the messages. The inner rooms may name a side and a
	// reason, but know no table of flows.
	{path: "decrypt", imports: "reassembly internal/budget internal/list", modules: "golang.org/x/crypto/chacha20poly1305",
		without: assembly},
	{path: "internal/frame", kind: pure},
	{path: "internal/http1", kind: library}, // net/http for its Header
	{path: "internal/handshake", imports: "internal/http1", kind: library},
	{path: "internal/http2", imports: "internal/budget internal/http1 internal/list reassembly", modules: "golang.org/x/net/http2/hpack",
		without: assembly, kind: library},
	{path: "internal/redact", imports: "internal/http1", kind: library},
	{path: "internal/resync", imports: "internal/frame internal/inflate internal/list reassembly",
		without: assembly, kind: pure},
	{path: "websocket", imports: "capture decode decrypt reassembly " + inner,
		tests: "capture/filter capture/pcapfile export/jsonl"},

	// From the messages to bytes: the standard library is all that they need.
	{path: "export/har", imports: "internal/escape websocket", tests: "capture/pcapfile"},
	{path: "export/jsonl", imports: "internal/escape websocket", tests: "capture capture/pcapfile decode reassembly"},

	// Programs.
	{path: "internal/cli", imports: "capture capture/filter capture/pcapfile internal/escape", modules: xsys, kind: program},
	{path: "internal/chat", modules: "github.com/coder/websocket " + xsys, kind: program},
	{path: "internal/limits", imports: "reassembly websocket", kind: program},
	{path: "examples/embed", imports: "examples/embed/service", kind: program},
	{path: "examples/embed/service", imports: public, modules: "github.com/coder/websocket", kind: program},
	{path: "examples/tcpdump", imports: "internal/cli internal/escape " + public, modules: xsys, kind: program},
	{path: "examples/wsdump/web/store", imports: "internal/list websocket", kind: pure},
	{path: "examples/wsdump/web", imports: "examples/wsdump/web/store export/har export/jsonl internal/escape websocket", kind: program},
	{path: "examples/wsdump", imports: "examples/wsdump/web examples/wsdump/web/store internal/chat internal/cli internal/escape internal/limits " + public, modules: "github.com/coder/websocket " + xsys, kind: program},

	// For tests.
	{path: "internal/arch", kind: program},
	{path: "internal/packetgen", imports: "decode", kind: pure},
	{path: "internal/testkit", kind: program},
	{path: "internal/testnet", modules: xsys, kind: program},
	{path: "wstaptest", imports: "capture decode internal/packetgen websocket", tests: "decrypt reassembly", kind: program},
}
