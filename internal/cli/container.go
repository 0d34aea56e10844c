package cli

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wstap/wstap/internal/escape"
)

// ContainerProcess returns the first process of the container with an id that
// begins so, by the names of control groups: no daemon is asked, and docker,
// containerd, CRI-O and podman all have the id there. proc is where proc(5) is mounted.
func ContainerProcess(proc, id string) (pid int, err error) {
	id = id[strings.Index(id, "://")+1:] // kubectl says containerd://…
	id = strings.ToLower(strings.TrimLeft(id, "/"))
	if len(id) < 4 || !isHex(id) {
		return 0, fmt.Errorf("%s is no id of a container: give its first 12 digits, as docker ps and crictl ps show them", escape.String(id))
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return 0, err
	}
	first := map[string]int{} // process of each container that it may be
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(path.Join(proc, e.Name(), "cgroup"))
		if err != nil {
			continue // it has ended
		}
		if found := containerOf(string(groups), id); found != "" && (first[found] == 0 || n < first[found]) {
			first[found] = n
		}
	}
	if len(first) > 1 {
		return 0, fmt.Errorf("several containers begin with %s: give more of the id", id)
	}
	for _, n := range first {
		return n, nil
	}
	return 0, fmt.Errorf("no process is in a container %s: is it of this machine, and /proc that of the host?", id)
}

// containerOf returns the id of the container that a process is in, if it begins
// with id. A group is called docker-ID.scope, cri-containerd-ID.scope,
// crio-ID.scope, libpod-ID.scope, or by the id alone. What watches over a container
// is not in it.
func containerOf(groups, id string) string {
	for line := range strings.Lines(groups) {
		parts := strings.Split(strings.TrimSpace(line), "/")
		slices.Reverse(parts) // the innermost first
		for _, name := range parts {
			if strings.Contains(name, "conmon") {
				return ""
			}
			name = strings.TrimSuffix(name, ".scope")
			name = name[strings.LastIndexAny(name, "-:")+1:]
			if len(name) == 64 && isHex(name) {
				if strings.HasPrefix(name, id) {
					return name
				}
				break
			}
		}
	}
	return ""
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}
