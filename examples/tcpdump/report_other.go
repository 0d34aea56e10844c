//go:build !unix

package main

// reportOnSignal does nothing where there is no SIGUSR1.
func (s *session) reportOnSignal() func() { return func() {} }
