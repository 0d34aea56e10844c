package pcapfile

import (
	"bytes"

	"github.com/wstap/wstap/capture"
)

// fragment is takes for a frame that a.hash has decoded and found a fragment of
// TCP.
func (a *assignment) fragment(f *capture.Frame) (mine bool) {
	if hash, known := a.fragments.Sort(&a.hash.packet, f.Time); known {
		return a.mine(hash, len(f.Data))
	}
	held := *f
	held.Data = bytes.Clone(f.Data)
	a.fragments.Hold(held, len(held.Data))
	return false
}

// release takes a fragment that was held.
func (a *assignment) release(f capture.Frame, hash uint32) {
	if a.mine(hash, len(f.Data)) {
		a.released = append(a.released, f)
	}
}
