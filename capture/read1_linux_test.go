package capture

// read1 reads one frame.
func read1(s Source, f *Frame) error {
	var one [1]Frame
	_, err := s.Read(one[:])
	*f = one[0]
	return err
}
