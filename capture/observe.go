package capture

// Observe returns a Source that calls f for each frame of src before it gives
// the frame out. It is in all else what src is: live, divided into shards, and
// read in batches, whose Data is borrowed from src.
//
// The frame is borrowed until f returns. With shards, f is called from their
// goroutines at the same time. An error of f ends the shard: Read returns it,
// after the frames before, and the frames that were read with it count as
// Skipped.
func Observe(src Source, f func(*Frame) error) Source {
	return wrap(src, func(frame *Frame) (bool, error) { return true, f(frame) })
}
