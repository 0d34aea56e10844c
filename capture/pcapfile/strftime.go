package pcapfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// strftime forms a name as strftime(3) does in the C locale. What is no
// conversion stays as it is.
func strftime(form string, t time.Time) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(form, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if after == "" {
			b.WriteByte('%')
			return b.String()
		}
		c := after[0]
		if s, ok := conversion(c, t); ok {
			b.WriteString(s)
		} else {
			b.WriteByte('%')
			b.WriteByte(c)
		}
		form = after[1:]
	}
}

// layouts are the conversions that package time knows.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006",
	'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04",
	'p': "PM", 'P': "pm", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
	'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

func conversion(c byte, t time.Time) (string, bool) {
	if layout, ok := layouts[c]; ok {
		return t.Format(layout), true
	}
	year, week := t.ISOWeek()
	two := func(n int) string { return fmt.Sprintf("%02d", n) }
	switch c {
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case 's':
		return strconv.FormatInt(t.Unix(), 10), true
	case 'C':
		return two(t.Year() / 100), true
	case 'g':
		return two(year % 100), true
	case 'G':
		return strconv.Itoa(year), true
	case 'V':
		return two(week), true
	case 'k':
		return fmt.Sprintf("%2d", t.Hour()), true
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1), true
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), true
	case 'w':
		return strconv.Itoa(int(t.Weekday())), true
	case 'U': // weeks begin on Sunday
		return two((t.YearDay() + 6 - int(t.Weekday())) / 7), true
	case 'W': // on Monday
		return two((t.YearDay() + 6 - (int(t.Weekday())+6)%7) / 7), true
	}
	return "", false
}
