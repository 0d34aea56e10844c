package http1

import "time"

// MaxHead bounds a request's or response's head in bytes: servers refuse far
// shorter ones.
const MaxHead = 64 << 10

// A Reader reads one direction of a connection, requests or responses. The zero
// Reader is at the beginning of a head.
type Reader struct {
	head []byte    // of an unfinished head
	came time.Time // when its last byte did
	body body
}

// Next takes bytes of b, which came at t: up to the end of the next head, which it
// makes head, which must be none, or all of it. response says which kind of head is expected. It
// returns false for what is not HTTP. The head's body is skipped only after
// [Reader.Expect].
func (r *Reader) Next(b []byte, response bool, t time.Time, head *Head) (n int, ok bool) {
	if r.body.left != 0 {
		return r.body.skip(b)
	}
	if len(r.head) == 0 {
		// Empty lines before a head are to be ignored (RFC 9112, section 2.2).
		if b[0] == '\r' || b[0] == '\n' {
			return 1, true
		}
		if n = head.read(b); n > 0 {
			return n, true
		}
		if len(b) > MaxHead {
			return 0, false
		}
		r.head = append(r.head, b...)
	} else {
		have := len(r.head)
		r.head = append(r.head, b...)
		if headEnd(r.head, have) {
			n = head.read(r.head)
			r.head = nil
			return n - have, true
		}
		if len(r.head) > MaxHead {
			return 0, false
		}
	}
	if response && !MaybeResponse(r.head) || !response && !MaybeRequest(r.head) {
		return 0, false
	}
	r.came = t
	return len(b), true
}

// Expect says what follows the head that Next returned last: a body of n bytes,
// or a chunked one.
func (r *Reader) Expect(n int64, chunked bool) {
	switch {
	case chunked:
		r.body = body{left: -1}
	case n > 0:
		r.body = body{left: n}
	}
}

// AtStart says that the next byte is the first one of a head, as far as is known.
func (r *Reader) AtStart() bool { return len(r.head) == 0 && r.body.left == 0 }

// InBody says that the next byte is one of a body.
func (r *Reader) InBody() bool { return r.body.left != 0 }

// SkipGap takes a gap of n bytes that lies within a body of known length. It
// returns false where it does not: then nothing is known of what follows.
func (r *Reader) SkipGap(n int64) bool {
	if r.body.left < n || n <= 0 {
		return false
	}
	r.body.left -= n
	return true
}

// Abandon gives up an unfinished head and returns what there is of it, and when
// the last byte of that came.
func (r *Reader) Abandon() ([]byte, time.Time) {
	b := r.head
	r.head = nil
	r.body = body{}
	return b, r.came
}

// Pending returns what there is of an unfinished head, until Next is called.
func (r *Reader) Pending() []byte { return r.head }

// Size is how many bytes of memory the Reader holds.
func (r *Reader) Size() int { return len(r.head) }
