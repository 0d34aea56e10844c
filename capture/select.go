package capture

// Select returns a Source that gives out those frames of src for which keep
// returns true; the others count as Skipped. It is in all else what src is: live,
// divided into shards, and read in batches, whose Data is borrowed from src.
//
// The frame is borrowed until keep returns. With shards, keep is called from
// their goroutines at the same time. A filter that Config.Filter can express
// costs less there.
func Select(src Source, keep func(*Frame) bool) Source {
	return wrap(src, func(f *Frame) (bool, error) { return keep(f), nil })
}
