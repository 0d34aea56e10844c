package websocket

import (
	"time"

	"github.com/wstap/wstap/reassembly"
)

// An unread is the Consumer of a connection that speaks a draft before RFC 6455
// whose frames are others. It is told, with its losses and its end.
type unread struct{ *socket }

// unread makes the connection one whose frames are not read.
func (o *opening) unread(info *Conn, t time.Time) {
	o.replace(t)
	k := unread{&socket{p: o.p, info: info}}
	var held [2]heldBytes
	for dir := range Direction(2) {
		o.sides[dir].search.drop(o.p)
		held[dir] = o.takeHeld(dir)
	}
	o.leave(k)
	o.p.tellOpen(k.socket, nil, t)
	for dir := range Direction(2) {
		if n := o.sides[dir].lost; n > 0 {
			k.tellGap(dir, n, t)
		}
	}
	replayBoth(held, k.Data, k.Gap)
}

// Data implements reassembly.Consumer.
func (k unread) Data(_ Direction, b []byte, _ time.Time) { k.p.counts.DraftBytes += uint64(len(b)) }

// Gap implements reassembly.Consumer.
func (k unread) Gap(dir Direction, n int64, t time.Time) { k.tellGap(dir, n, t) }

// Conflict implements reassembly.Consumer.
func (k unread) Conflict(Direction, int64, int64, time.Time) {}

// Closed implements reassembly.Consumer.
func (k unread) Closed(reason reassembly.Reason, t time.Time) {
	k.p.tellEnd(k.socket, causes[reason], t)
}
