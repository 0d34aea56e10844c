package socks

import (
	"strings"
	"testing"
)

const (
	ask4    = "\x04\x01\x00\x50\x0a\x01\x01\x09user\x00"
	ask4A   = "\x04\x01\x00\x50\x00\x00\x00\x01\x00example.test\x00"
	grant4  = "\x00\x5a\x00\x00\x00\x00\x00\x00"
	greet   = "\x05\x01\x00"
	greets  = "\x05\x03\x00\x01\x02"
	none    = "\x05\x00"
	login   = "\x01\x05alice\x07hunter2"
	welcome = "\x01\x00"
	askIPv4 = "\x05\x01\x00\x01\x0a\x01\x01\x09\x00\x50"
	askIPv6 = "\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"
	askName = "\x05\x01\x00\x03\x0cexample.test\x00\x50"
	grant   = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	grant6  = "\x05\x00\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"
	grantN  = "\x05\x00\x00\x03\x01x\x00\x50"
)

var dialogues = []struct {
	name           string
	client, server string
	want           string // over, refused, more, or no
}{
	{"4", ask4, grant4, "over"},
	{"4 without a name", "\x04\x01\x00\x50\x0a\x01\x01\x09\x00", grant4, "over"},
	{"4A", ask4A, grant4, "over"},
	{"4, refused", ask4, "\x00\x5b\x00\x00\x00\x00\x00\x00", "refused"},
	{"5", greet + askIPv4, none + grant, "over"},
	{"5 with a name", greet + askName, none + grantN, "over"},
	{"5 with IPv6", greets + askIPv6, none + grant6, "over"},
	{"5 with a password", greets + login + askName, "\x05\x02" + welcome + grant, "over"},
	{"5 with a password, answered with the other version", greets + login + askName, "\x05\x02\x05\x00" + grant, "over"},
	{"5 with an empty password", greets + "\x01\x00\x00" + askName, "\x05\x02" + welcome + grant, "over"},
	{"5, all methods refused", greet, "\x05\xff", "refused"},
	{"5, the password refused", greets + login, "\x05\x02\x01\x01", "refused"},
	{"5, the request refused", greet + askName, none + "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", "refused"},

	{"only the client", greet, "", "more"},
	{"only the client, who does not wait", greet + askName + "GET / HTTP/1.1\r\n", "", "more"},
	{"only the server", "", none, "more"},
	{"nothing", "", "", "more"},

	{"4, BIND", strings.Replace(ask4, "\x01", "\x02", 1), "", "no"},
	{"4, another answer", ask4, "\x00\x5e\x00\x00\x00\x00\x00\x00", "no"},
	{"4, an answer of 5", ask4, none, "no"},
	{"4, a name without end", "\x04\x01\x00\x50\x0a\x01\x01\x09" + strings.Repeat("x", 300), "", "no"},
	{"5, no methods", "\x05\x00", "", "no"},
	{"5, a method that was not offered", greet, "\x05\x02", "no"},
	{"5, GSSAPI", "\x05\x02\x00\x01\x01\x01\x00\x01x", "\x05\x01", "no"},
	{"5, a private method", "\x05\x01\x80", "\x05\x80", "no"},
	{"5, an answer of 4", greet, grant4, "no"},
	{"5, UDP ASSOCIATE", greet + strings.Replace(askName, "\x01", "\x03", 1), none, "no"},
	{"5, another kind of address", greet + strings.Replace(askName, "\x03", "\x02", 1), none, "no"},
	{"5, a reserved byte", greet + "\x05\x01\x01\x01", none, "no"},
	{"5, another answer", greet + askName, none + "\x05\x09\x00\x01", "no"},
	{"5, another password exchange", greets + "\x05\x01", "\x05\x02", "no"},
	{"5, another answer to the password", greets + login, "\x05\x02\x02\x00", "no"},
	{"another version", "\x06\x01\x00", "", "no"},
	{"another server", "", "HTTP/1.1 200", "no"},
}

func verdict(d Dialogue, ok bool) string {
	switch {
	case !ok:
		return "no"
	case d.Refused:
		return "refused"
	case d.Over:
		return "over"
	}
	return "more"
}

// TestParse reads dialogues whole, with data behind them, and each side cut
// anywhere, as either may be captured first.
func TestParse(t *testing.T) {
	for _, tt := range dialogues {
		t.Run(tt.name, func(t *testing.T) {
			d, ok := Parse([]byte(tt.client), []byte(tt.server))
			if got := verdict(d, ok); got != tt.want {
				t.Fatalf("%s: %+v", got, d)
			}
			if tt.want == "over" {
				if d.Client != len(tt.client) || d.Server != len(tt.server) {
					t.Errorf("%+v of %d and %d bytes", d, len(tt.client), len(tt.server))
				}
				if more, ok := Parse([]byte(tt.client+"GET /"), []byte(tt.server+"HTTP")); more != d || !ok {
					t.Errorf("with data behind: %+v", more)
				}
			}
			for c := range len(tt.client) + 1 {
				for s := range len(tt.server) + 1 {
					got := verdict(Parse([]byte(tt.client[:c]), []byte(tt.server[:s])))
					whole := c == len(tt.client) && s == len(tt.server)
					if got != tt.want && got != "more" || got == "over" && !whole {
						t.Fatalf("%d and %d bytes: %s", c, s, got)
					}
				}
			}
		})
	}
}

func TestParseAllocates(t *testing.T) {
	c, s := []byte(greets+login+askName), []byte("\x05\x02"+welcome+grant)
	if n := testing.AllocsPerRun(100, func() { Parse(c, s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: what is over or refused stays so when more comes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(ask4A), []byte(grant4), byte(9), byte(2))                                  // 4A, cut in the name
	f.Add([]byte(greet+askIPv4), []byte(none+grant), byte(3), byte(2))                      // 5, the client waits
	f.Add([]byte(greets+login+askName), []byte("\x05\x02"+welcome+grant), byte(9), byte(3)) // with a password
	f.Add([]byte(greet), []byte("\x05\xff"), byte(1), byte(1))                              // refused
	f.Add([]byte("\x05\x01\x01"), []byte("\x05\x01\x00"), byte(3), byte(2))                 // GSSAPI
	f.Fuzz(func(t *testing.T, c, s []byte, cutC, cutS byte) {
		d, ok := Parse(c, s)
		if d.Client < 0 || d.Client > len(c) || d.Server < 0 || d.Server > len(s) || d.Refused && ok && !d.Over {
			t.Fatalf("%+v of %d and %d bytes", d, len(c), len(s))
		}
		if before, fine := Parse(c[:min(int(cutC), len(c))], s[:min(int(cutS), len(s))]); before.Over && fine && (before != d || !ok) || !fine && ok {
			t.Fatalf("%+v, %v; then %+v, %v", before, fine, d, ok)
		}
	})
}
