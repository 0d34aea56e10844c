package websocket

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wstap/wstap/capture/pcapfile"
)

// TestSelection: what each field chooses, alone and together.
func TestSelection(t *testing.T) {
	chat := &Conn{Number: 1, URL: "ws://h/chat?room=1"}
	feed := &Conn{Number: 20, URL: "ws://h/feed"}
	messages := []*Message{
		{Conn: chat, From: FromClient, Opcode: Text, Payload: []byte(`{"say":"所有人"}`)},             // 0
		{Conn: chat, From: FromServer, Opcode: Text, Payload: []byte("2")},                         // 1
		{Conn: feed, From: FromServer, Opcode: Binary, Payload: []byte("\x00\xff\xfe say")},        // 2
		{Conn: feed, From: FromClient, Opcode: Ping, Payload: []byte{}},                            // 3
		{Conn: feed, From: FromServer, Opcode: Pong, Payload: []byte("x")},                         // 4
		{Conn: chat, From: FromServer, Opcode: Close, Payload: []byte("\x03\xe8bye")},              // 5
		{Conn: feed, From: FromServer, Opcode: Binary, Payload: []byte(`{"say":"所有人"}`)},           // 6
		{Conn: feed, From: FromServer, Opcode: 3, Payload: []byte("say")},                          // 7
		{Conn: chat, From: FromClient, Opcode: Text, Undecoded: true, Payload: []byte("\xff\xfe")}, // 8
	}
	for _, tt := range []struct {
		sel  Selection
		want string
	}{
		{Selection{}, "012345678"},
		{Selection{Match: []string{"say"}}, "0267"},
		{Selection{Match: []string{"s.y"}}, "0267"},
		{Selection{Match: []string{"say", "所有"}}, "06"},
		{Selection{Match: []string{`\xff\xfe`}}, "28"}, // bytes of what is no text
		{Selection{Match: []string{`^$`}}, "3"},
		{Selection{Match: []string{"(?i)SAY"}}, "0267"},
		{Selection{NotMatch: []string{"^[23]$"}}, "02345678"},
		{Selection{NotMatch: []string{`\xff`, "say"}}, "1345"},
		{Selection{Match: []string{"say"}, NotMatch: []string{"所"}}, "27"},
		{Selection{Only: []string{"text"}}, "018"},
		{Selection{Only: []string{"data"}}, "01268"},
		{Selection{Only: []string{"control"}}, "345"},
		{Selection{Only: []string{"ping", "close"}}, "35"},
		{Selection{From: []Direction{FromServer}}, "124567"},
		{Selection{From: []Direction{FromServer, FromClient}}, "012345678"},
		{Selection{Conns: []uint64{20, 7}}, "23467"},
		{Selection{URLs: []string{"/chat"}}, "0158"},
		{Selection{URLs: []string{"/chat", "feed$"}}, "012345678"},
		{Selection{URLs: []string{"/chat"}, Conns: []uint64{20}}, ""},
		{Selection{From: []Direction{FromServer}, Only: []string{"data"}, Match: []string{"say"}}, "26"},
	} {
		s, err := tt.sel.Compile()
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for i, m := range messages {
			if s.Message(m) {
				fmt.Fprint(&got, i)
				if !s.Conn(m.Conn) {
					t.Errorf("%+v: message %d without its connection", tt.sel, i)
				}
			}
		}
		if got.String() != tt.want {
			t.Errorf("%+v: %s, want %s", tt.sel, got.String(), tt.want)
		}
		if narrow := len(tt.sel.Match)+len(tt.sel.NotMatch)+len(tt.sel.Only)+len(tt.sel.From) > 0; s.Narrow() != narrow {
			t.Errorf("%+v: Narrow %v", tt.sel, s.Narrow())
		}
	}
}

// TestSelectionMistakes: each is refused, a pattern with its place.
func TestSelectionMistakes(t *testing.T) {
	for _, tt := range []struct {
		expr   string
		offset int
	}{{"a(b", 0}, {"ab[z-a]", 3}, {"a**", 1}, {"x{2,1}", 1}, {`\q`, 0}, {"abc)", 0}, {"a\xff", 1}} {
		_, err := (&Selection{Match: []string{tt.expr}}).Compile()
		var wrong *PatternError
		if !errors.As(err, &wrong) || wrong.Pattern != tt.expr || wrong.Offset != tt.offset {
			t.Errorf("%q: %v, %+v", tt.expr, err, wrong)
		}
	}
	if _, err := (&Selection{Only: []string{"words"}}).Compile(); err == nil || !strings.Contains(err.Error(), `"words"`) {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	s, err := (&Selection{Match: []string{"a+", "ab", "c", "x*"}}).Compile()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.Find(nil, []byte("caab--xa"))); got != "[[0 1] [1 4] [6 7] [7 8]]" {
		t.Error(got)
	}
}

// TestSelect: a tap gives out what is selected and counts the rest, on every way.
func TestSelect(t *testing.T) {
	s, err := (&Selection{Match: []string{"hi, all"}, From: []Direction{FromClient}}).Compile()
	if err != nil {
		t.Fatal(err)
	}
	var counts [3]uint64
	for i := range counts {
		src, err := pcapfile.Open("testdata/workerman-chat-lo.pcap.gz", nil)
		if err != nil {
			t.Fatal(err)
		}
		tap := NewTap(src, &Config{Select: s})
		switch i {
		case 0:
			for ev, err := range tap.Events(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if m, ok := ev.(*Message); ok {
					if counts[i]++; !s.Message(m) {
						t.Errorf("%v", m)
					}
				}
			}
		case 1:
			for m := range tap.Messages(t.Context()) {
				if counts[i]++; !s.Message(m) {
					t.Errorf("%v", m)
				}
			}
		case 2:
			if err := tap.Count(t.Context()); err != nil {
				t.Fatal(err)
			}
			counts[i] = tap.Stats().Messages
		}
		st := tap.Stats()
		all := st.Traffic[0].Messages() + st.Traffic[1].Messages()
		if counts[i] == 0 || st.Messages != counts[i] || st.Unselected != all-counts[i] || st.Unselected == 0 {
			t.Errorf("%d: %d messages of %d, %d unselected", i, counts[i], all, st.Unselected)
		}
	}
	if counts[0] != counts[1] || counts[1] != counts[2] {
		t.Error(counts)
	}
}

// TestSelectNothing: a tap without a selection allocates nothing for it, nor does a
// pattern that is bytes.
func TestSelectAllocs(t *testing.T) {
	s, err := (&Selection{Match: []string{"rare"}, NotMatch: []string{"never"}, Only: []string{"data"}}).Compile()
	if err != nil {
		t.Fatal(err)
	}
	m := &Message{Conn: &Conn{}, Opcode: Text, Payload: []byte(`{"type":"say","content":"hi, all ! rare"}`)}
	for _, s := range []*Selector{nil, s} {
		if n := testing.AllocsPerRun(100, func() { s.Message(m) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	m := &Message{Conn: &Conn{}, Opcode: Text, Payload: []byte(`{"type":"say","to_client_id":"all","to_client_name":"所有人","content":"hi, all !"}`)}
	for _, expr := range []string{"", "rare", "rare.*word", "(?i)rare", "^[23]$"} {
		b.Run(expr, func(b *testing.B) {
			sel := Selection{}
			if expr != "" {
				sel.Match = []string{expr}
			}
			s, err := sel.Compile()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Message(m)
			}
		})
	}
}
