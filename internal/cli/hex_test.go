package cli

import "testing"

func TestAppendHexRow(t *testing.T) {
	const sixteen = "0123 456789abc\x00\xff"
	for _, tt := range []struct {
		address int
		row     string
		show    func(byte) bool
		want    string
	}{
		{0, "\x00\xffA", nil, "0x0000:  00ff 41"},
		{0, "", nil, "0x0000: "},
		{0, "\x00\xffA", Printable, "0x0000:  00ff 41                                  ..A"},
		{0xfff0, sixteen, Printable, "0xfff0:  3031 3233 2034 3536 3738 3961 6263 00ff  0123 456789abc.."},
		{0x10, sixteen, Graphic, "0x0010:  3031 3233 2034 3536 3738 3961 6263 00ff  0123.456789abc.."},
		{0x10000, "\x01", nil, "0x10000:  01"},
		{0x4000010, "\x01\x02", nil, "0x4000010:  0102"},
	} {
		if got := string(AppendHexRow([]byte("\t"), tt.address, []byte(tt.row), tt.show)); got != "\t"+tt.want {
			t.Errorf("%#x, %q:\n got %q\nwant %q", tt.address, tt.row, got, "\t"+tt.want)
		}
	}
}
