package main

// chunks is a queue of bytes that takes no more memory than it has bytes, however long
// it gets, and nearly none when it is short: a slice that grows would take up to twice
// as much, be copied as it grows, and stay large.
type chunks struct {
	list  [][]byte // of up to chunkSize bytes each; the last one fills
	spare [][]byte // empty ones, a few
	size  int      // bytes in list
}

const maxSpare = 4

// add adds a copy of p.
func (c *chunks) add(p []byte) {
	c.size += len(p)
	for len(p) > 0 {
		if n := len(c.list); n == 0 || len(c.list[n-1]) == chunkSize {
			c.list = append(c.list, c.empty())
		}
		last := &c.list[len(c.list)-1]
		n := min(len(p), chunkSize-len(*last))
		*last = append(*last, p[:n]...)
		p = p[n:]
	}
}

// empty returns an empty chunk.
func (c *chunks) empty() []byte {
	n := len(c.spare)
	if n == 0 {
		return make([]byte, 0, chunkSize)
	}
	b := c.spare[n-1]
	c.spare = c.spare[:n-1]
	return b
}

// take takes the first chunk out of the queue. There must be one.
func (c *chunks) take() []byte {
	b := c.list[0]
	c.list[0] = nil
	c.list = c.list[1:]
	c.size -= len(b)
	return b
}

// giveBack gives a chunk back that was taken, to be filled again.
func (c *chunks) giveBack(b []byte) {
	if len(c.spare) < maxSpare {
		c.spare = append(c.spare, b[:0])
	}
}
