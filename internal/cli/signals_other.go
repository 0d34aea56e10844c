//go:build !unix

package cli

import "os"

var endSignals = []os.Signal{os.Interrupt}

var hangupSignals, statsSignals []os.Signal

// IgnorePipe does nothing where there is no SIGPIPE.
func IgnorePipe() {}
