package websocket

import (
	"iter"
	"slices"

	"github.com/wstap/wstap/internal/frame"
)

// Violations are rules of RFC 6455 that a message breaks, a bit each, besides those
// that Message has flags for: BadMask, RSV and InvalidUTF8.
type Violations uint8

// The rules.
const (
	ReservedOpcode    Violations = 1 << iota // of no type that is defined (section 5.2)
	LongControl                              // a control frame longer than 125 bytes (section 5.5)
	FragmentedControl                        // a control frame without FIN (section 5.5)
	CloseCode                                // a close frame with a code that may not be sent, or with half of one (section 7.4)
	Unfinished                               // another message began before it ended (section 5.4)
	NoBeginning                              // a continuation of nothing (section 5.4)
)

var violationNames = [...]string{"reserved_opcode", "long_control", "fragmented_control", "close_code", "unfinished", "no_beginning"}

// All yields the name of each, "long_control" for instance.
func (v Violations) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, name := range violationNames {
			if v>>i&1 != 0 && !yield(name) {
				return
			}
		}
	}
}

// ViolationOf returns the rule of a name that All yields, 0 for another.
func ViolationOf(name string) Violations {
	if i := slices.Index(violationNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// violations are those that a frame's header shows.
func violations(f *frame.Header) (v Violations) {
	if f.Opcode() <= frame.Binary {
		return 0
	}
	if f.Opcode()&7 > 2 {
		v |= ReservedOpcode
	}
	if f.Control() {
		if f.Length > frame.MaxControl {
			v |= LongControl
		}
		if !f.Fin() {
			v |= FragmentedControl
		}
	}
	return v
}

// checkClose looks at the code of a close frame that is at hand whole.
func (m *Message) checkClose() {
	switch code, _ := m.CloseStatus(); {
	case len(m.Payload) == 0 || m.Undecoded:
	case code < 1000, code >= 5000, code == StatusNone, code == 1006, code == 1015:
		m.Violations |= CloseCode
	}
}
