package capture

// read1 reads one frame.
func read1(s Source, f *Frame) error {
	var one [1]Frame
	for {
		n, err := s.Read(one[:])
		if n > 0 || err != nil {
			*f = one[0]
			return err
		}
	}
}
