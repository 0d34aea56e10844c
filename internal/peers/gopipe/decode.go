package gopipe

import (
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/reassembly"
)

// A Decoder decodes Ethernet frames of TCP over IP with one reused parser.
type Decoder struct {
	eth     layers.Ethernet
	ip4     layers.IPv4
	ip6     layers.IPv6
	tcp     layers.TCP
	payload gopacket.Payload
	parser  *gopacket.DecodingLayerParser
	decoded []gopacket.LayerType
}

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder {
	d := new(Decoder)
	d.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &d.eth, &d.ip4, &d.ip6, &d.tcp, &d.payload)
	d.parser.IgnoreUnsupported = true
	return d
}

// Decode decodes a frame. The results stay in d, and borrow from data.
func (d *Decoder) Decode(data []byte) error { return d.parser.DecodeLayers(data, &d.decoded) }

// tcpFlow returns the segment of the frame decoded last.
func (d *Decoder) tcpFlow() (flow gopacket.Flow, tcp *layers.TCP) {
	for _, l := range d.decoded {
		switch l {
		case layers.LayerTypeIPv4:
			flow = d.ip4.NetworkFlow()
		case layers.LayerTypeIPv6:
			flow = d.ip6.NetworkFlow()
		case layers.LayerTypeTCP:
			tcp = &d.tcp
		}
	}
	return flow, tcp
}

// An Assembler rebuilds streams and throws them away, for measuring.
type Assembler struct {
	assembler *reassembly.Assembler
	bytes     counter
}

// NewAssembler returns an Assembler.
func NewAssembler() *Assembler {
	a := new(Assembler)
	a.assembler = reassembly.NewAssembler(reassembly.NewStreamPool(&a.bytes))
	return a
}

// Add takes the frame that d decoded last.
func (a *Assembler) Add(d *Decoder, ci gopacket.CaptureInfo) {
	if flow, tcp := d.tcpFlow(); tcp != nil {
		a.assembler.AssembleWithContext(flow, tcp, &context{ci})
	}
}

// Bytes returns how many bytes the streams had so far.
func (a *Assembler) Bytes() int64 { return int64(a.bytes) }

// counter counts the bytes of all streams.
type counter int64

func (c *counter) New(_, _ gopacket.Flow, _ *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	return c
}

func (c *counter) Accept(*layers.TCP, gopacket.CaptureInfo, reassembly.TCPFlowDirection, reassembly.Sequence, *bool, reassembly.AssemblerContext) bool {
	return true
}

func (c *counter) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	n, _ := sg.Lengths()
	*c += counter(len(sg.Fetch(n)))
}

func (c *counter) ReassemblyComplete(reassembly.AssemblerContext) bool { return true }
