package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wstap/wstap/internal/cli"
)

// A topic is a part of --help, with its options.
type topic struct {
	title   string
	entries []helpEntry
	prose   []string
}

// A helpEntry is what --help says of one option or several.
type helpEntry struct{ flags, text string }

// topics takes --help apart.
func topics() (list []topic) {
	list = []topic{{title: "Description"}}
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		at := &list[len(list)-1]
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
		case strings.HasPrefix(line, "  -"):
			flags, text, _ := strings.Cut(trimmed, "  ")
			at.entries = append(at.entries, helpEntry{flags, strings.TrimSpace(text)})
		case strings.HasPrefix(line, "      ") && len(at.entries) > 0:
			e := &at.entries[len(at.entries)-1]
			e.text = strings.TrimSpace(e.text + " " + trimmed)
		case len(strings.Fields(line)) <= 3 && !strings.HasSuffix(line, "."):
			list = append(list, topic{title: line})
		case len(at.entries) > 0:
			list = append(list, topic{title: "Notes", prose: []string{line}})
		default:
			at.prose = append(at.prose, line)
		}
	}
	return list
}

// manual writes the man page: man(7).
func manual() string {
	var b strings.Builder
	b.WriteString(".\\\" Made of wsdump --help by go test ./examples/wsdump -run Generated -wsdump.update\n.TH WSDUMP 1\n.SH NAME\nwsdump \\- tcpdump for WebSocket messages\n")
	text := func(s string) {
		s = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(s)
		if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
			s = `\&` + s
		}
		b.WriteString(s + "\n")
	}
	for _, t := range topics() {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(t.title))
		for _, line := range t.prose {
			if strings.HasPrefix(line, "  ") {
				b.WriteString(".br\n")
			}
			text(strings.TrimSpace(line))
		}
		for _, e := range t.entries {
			b.WriteString(".TP\n.B ")
			text(e.flags)
			text(e.text)
		}
	}
	b.WriteString(".SH SEE ALSO\n.BR tcpdump (8),\n.BR pcap-filter (7)\n")
	return b.String()
}

// A switchHelp is an option that --help names, for completions.
type switchHelp struct {
	cli.Option[options]
	value, text string
}

var valueWord = regexp.MustCompile(`\[?[ =]\[?([A-Z][A-Z|,…]*)`)

// switchesHelped returns the options that --help names, in its order.
func switchesHelped() (list []switchHelp) {
	for _, t := range topics() {
		for _, e := range t.entries {
			value := ""
			if m := valueWord.FindStringSubmatch(e.flags); m != nil {
				value = m[1]
			}
			text, _, _ := strings.Cut(e.text, ". ")
			text, _, _ = strings.Cut(text, "; ")
			for _, opt := range table {
				if named(e.flags, &opt) {
					list = append(list, switchHelp{opt, value, text})
				}
			}
		}
	}
	return list
}

func named(flags string, opt *cli.Option[options]) bool {
	for _, word := range strings.FieldsFunc(flags, func(r rune) bool { return strings.ContainsRune(" ,=[", r) }) {
		if opt.Long != "" && word == "--"+opt.Long || opt.Letter != 0 && word == "-"+string(opt.Letter) {
			return true
		}
	}
	return false
}

func (s *switchHelp) names() (names []string) {
	if s.Letter != 0 {
		names = append(names, "-"+string(s.Letter))
	}
	if s.Long != "" {
		names = append(names, "--"+s.Long)
	}
	return names
}

const made = "# Made of wsdump --help by go test ./examples/wsdump -run Generated -wsdump.update\n"

func bash() string {
	var all, files, ifaces, users, values []string
	for _, s := range switchesHelped() {
		all = append(all, s.names()...)
		if !s.Value {
			continue
		}
		list := &values
		switch s.value {
		case "FILE", "COMMAND":
			list = &files
		case "IFACE":
			list = &ifaces
		case "USER":
			list = &users
		}
		*list = append(*list, s.names()...)
	}
	join := func(list []string) string { return strings.Join(list, "|") }
	return made + `
_wsdump() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()
	case $prev in
	` + join(files) + `) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	` + join(ifaces) + `) COMPREPLY=($(compgen -W "any $(ls /sys/class/net 2>/dev/null)" -- "$cur")); return ;;
	` + join(users) + `) COMPREPLY=($(compgen -u -- "$cur")); return ;;
	` + join(values) + `) return ;;
	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W "` + strings.Join(all, " ") + `" -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "port host net tcp src dst and or not" -- "$cur")) ;;
	esac
}
complete -o filenames -F _wsdump wsdump
`
}

func zsh() string {
	var b strings.Builder
	b.WriteString("#compdef wsdump\n" + made + "\n_arguments -s -S \\\n")
	quote := strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)
	for _, s := range switchesHelped() {
		for _, name := range s.names() {
			arg := ""
			action := map[string]string{"FILE": "_files", "COMMAND": "_command_names", "IFACE": "_net_interfaces", "USER": "_users"}[s.value]
			switch {
			case s.Maybe:
				name, arg = name+"=-", "::"+s.value+":"+action
			case s.Value && strings.HasPrefix(name, "--"):
				name, arg = name+"=", ":"+s.value+":"+action
			case s.Value:
				name, arg = name+"+", ":"+s.value+":"+action
			}
			fmt.Fprintf(&b, "\t'*%s[%s]%s' \\\n", name, quote.Replace(s.text), arg)
		}
	}
	b.WriteString("\t'*:filter:(port host net tcp src dst and or not)'\n")
	return b.String()
}

func fish() string {
	var b strings.Builder
	b.WriteString(made + "\ncomplete -c wsdump -f -a 'port host net tcp src dst and or not'\n")
	quote := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	for _, s := range switchesHelped() {
		b.WriteString("complete -c wsdump")
		if s.Letter != 0 {
			fmt.Fprintf(&b, " -s '%c'", s.Letter)
		}
		if s.Long != "" {
			b.WriteString(" -l " + s.Long)
		}
		switch {
		case !s.Value:
		case s.value == "FILE", s.value == "COMMAND":
			b.WriteString(" -r -F")
		case s.value == "IFACE":
			b.WriteString(" -x -a '(__fish_print_interfaces) any'")
		case s.value == "USER":
			b.WriteString(" -x -a '(__fish_complete_users)'")
		default:
			b.WriteString(" -x")
		}
		fmt.Fprintf(&b, " -d '%s'\n", quote.Replace(s.text))
	}
	return b.String()
}

// TestGenerated: the man page and the completions are those of --help and the table
// of options.
func TestGenerated(t *testing.T) {
	for name, text := range map[string]string{
		"wsdump.1": manual(), "completions/wsdump.bash": bash(), "completions/_wsdump": zsh(), "completions/wsdump.fish": fish(),
	} {
		file := filepath.Join("../../deploy", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != text {
			t.Errorf("%s is not current (%v): go test ./examples/wsdump -run Generated -wsdump.update", name, err)
		}
	}
	if n := len(switchesHelped()); n < 30 {
		t.Errorf("%d options are named", n)
	}
	for _, s := range switchesHelped() {
		if (s.Value || s.Maybe) != (s.value != "") && !slices.Contains([]rune{'t', 'd'}, s.Letter) {
			t.Errorf("%q: value %q", s.names(), s.value)
		}
	}
}

// TestBashCompletion asks bash.
func TestBashCompletion(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	for words, want := range map[string]string{"--js": "--json", "--foll": "--follow", "-i an": "any", "po": "port", "-c 1": "", "-C ": ""} {
		script := `. ../../deploy/completions/wsdump.bash; COMP_WORDS=(wsdump "$@"); COMP_CWORD=$#; _wsdump; echo "${COMPREPLY[*]}"`
		out, err := exec.Command("bash", append([]string{"-c", script, "bash"}, strings.Split(words, " ")...)...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q: %q, want %q (%v)", words, got, want, err)
		}
	}
}
