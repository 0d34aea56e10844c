//go:build !linux

package testnet

import (
	"errors"
	"net/netip"
	"os"
	"testing"
)

func available() error { return errors.New("live test: needs Linux") }

// Nothing below is reached: New skips the test before a Host exists.

type host struct{}

func (h *Host) open()                                        {}
func (h *Host) path() string                                 { return "" }
func (h *Host) do(func())                                    {}
func (h *Host) lookup(string) *Interface                     { return nil }
func (h *Host) tap(string) (*Interface, *os.File)            { return nil, nil }
func veth(testing.TB, *Host, *Host) (*Interface, *Interface) { return nil, nil }
func (h *Host) bridge(string, []*Interface) *Interface       { return nil }
func (i *Interface) setFlags(bool)                           {}
func (i *Interface) setMTU(int)                              {}
func (i *Interface) rename(string)                           {}
func (i *Interface) remove()                                 {}
func (i *Interface) addAddr(netip.Prefix)                    {}
