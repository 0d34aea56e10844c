package limits

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// cgroupLimit returns the memory limit of the process's control group, or of one
// above it, in bytes: cgroups(7), version 1 or 2. root is where the system's files
// are, "/" but in tests.
func cgroupLimit(root string) (limit int64, ok bool) {
	list, err := os.ReadFile(path.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0, false
	}
	lookAt := func(dir, group, file string) {
		for {
			if n, found := limitIn(path.Join(root, dir, group, file)); found && (!ok || n < limit) {
				limit, ok = n, true
			}
			if group == "/" || group == "." {
				return
			}
			group = path.Dir(group)
		}
	}
	for line := range strings.Lines(string(list)) { // number:controllers:group
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, found := strings.Cut(rest, ":")
		switch group = path.Clean("/" + group); {
		case !found:
		case controllers == "":
			lookAt("sys/fs/cgroup", group, "memory.max")
			lookAt("sys/fs/cgroup/unified", group, "memory.max")
		case strings.Contains(","+controllers+",", ",memory,"):
			lookAt("sys/fs/cgroup/memory", group, "memory.limit_in_bytes")
		}
	}
	return limit, ok
}

// limitIn reads a limit. Version 1 says a number near the largest where there is
// none, version 2 says max.
func limitIn(file string) (int64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil && n > 0 && n < 1<<60
}
