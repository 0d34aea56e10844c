// Package tpacket is the mechanism of a live capture: AF_PACKET sockets with a
// TPACKET_V3 receive ring each (packet(7); Documentation/networking/packet_mmap.rst in
// Linux). A [Socket] lets frames into its [Ring], a [Block] of the ring is walked frame by
// frame, and each has a [Header]. What to capture and what to make of it is for package
// capture to say.
package tpacket
