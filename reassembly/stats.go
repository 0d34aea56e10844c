package reassembly

// Stats are cumulative counts. Each packet, each IP fragment and each captured
// TCP payload byte is counted by exactly one name, so that
//
//	Packets + Reassembled = Segments + Stray + Fragments + Other
//	Fragments = FragmentUsed + FragmentHeld + FragmentDuplicate + FragmentDropped
//	Bytes = Delivered + Queued + Urgent + Skipped + Duplicate + Late + Outside + Discarded
type Stats struct {
	Packets   uint64 // given to Assembler.Packet
	Segments  uint64 // TCP segments of a flow
	Stray     uint64 // TCP segments that belong to no flow and make none
	Fragments uint64 // IP fragments
	Other     uint64 // neither TCP nor a fragment of it

	Tunneled uint64 // of Other, in tunnels that Config.Tunnels leaves closed
	ESP      uint64 // of Other, encrypted by IPsec
	QUIC     uint64 // of Other, UDP with the port of HTTP/3

	Reassembled       uint64 // IP datagrams made of fragments
	FragmentUsed      uint64 // fragments that they were made of
	FragmentHeld      int    // fragments that wait for others: goes down again
	FragmentDuplicate uint64 // seen before
	FragmentDropped   uint64 // of datagrams that overlap, contradict themselves, or are given up

	Bytes     uint64 // TCP payload as captured
	Delivered uint64 // told by Consumer.Data
	Queued    uint64 // waiting for a hole to be filled: goes down again
	Urgent    uint64 // taken out of the stream as urgent
	Skipped   uint64 // of flows without a Consumer, and of stray segments
	Duplicate uint64 // seen before: retransmissions, overlaps, keep-alive probes
	Late      uint64 // old, of a direction with losses: may fill a hole that was given up
	Outside   uint64 // outside of the window, or behind a FIN
	Discarded uint64 // given up for a budget, or refused by the receiver

	Gaps     uint64 // told by Consumer.Gap
	Gapped   uint64 // bytes told by Consumer.Gap
	Cut      uint64 // bytes that a snapshot length cut off; they are told as gaps
	Conflict uint64 // bytes told by Consumer.Conflict

	Flows     uint64          // connections begun
	Midstream uint64          // those whose handshake was not seen
	Subflows  uint64          // those that carry a Multipath TCP connection, which is one more of Flows
	Orphans   uint64          // of Subflows, those that join a connection which is not known
	Unmapped  uint64          // bytes, of Skipped, whose place in a Multipath TCP connection is not known
	Ended     [reasons]uint64 // connections ended, by Reason
	Active    int             // connections in the table now
	HalfOpen  int             // those of them whose handshake is not finished
	TimeWait  int             // ended ones whose ports are remembered, as Config says
	Memory    int             // bytes of memory that hold queued data now
}

// Add adds what another Assembler has counted.
func (s *Stats) Add(o *Stats) {
	s.Packets += o.Packets
	s.Segments += o.Segments
	s.Stray += o.Stray
	s.Fragments += o.Fragments
	s.Other += o.Other
	s.Tunneled += o.Tunneled
	s.ESP += o.ESP
	s.QUIC += o.QUIC

	s.Reassembled += o.Reassembled
	s.FragmentUsed += o.FragmentUsed
	s.FragmentHeld += o.FragmentHeld
	s.FragmentDuplicate += o.FragmentDuplicate
	s.FragmentDropped += o.FragmentDropped

	s.Bytes += o.Bytes
	s.Delivered += o.Delivered
	s.Queued += o.Queued
	s.Urgent += o.Urgent
	s.Skipped += o.Skipped
	s.Duplicate += o.Duplicate
	s.Late += o.Late
	s.Outside += o.Outside
	s.Discarded += o.Discarded

	s.Gaps += o.Gaps
	s.Gapped += o.Gapped
	s.Cut += o.Cut
	s.Conflict += o.Conflict

	s.Flows += o.Flows
	s.Midstream += o.Midstream
	s.Subflows += o.Subflows
	s.Orphans += o.Orphans
	s.Unmapped += o.Unmapped
	for i, n := range o.Ended {
		s.Ended[i] += n
	}
	s.Active += o.Active
	s.HalfOpen += o.HalfOpen
	s.TimeWait += o.TimeWait
	s.Memory += o.Memory
}
