package limits

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestBudgets(t *testing.T) {
	for _, most := range []int64{Least, 57 << 20, 460 << 20, Usual, 64 << 30} {
		b := BudgetsOf(most)
		if sum := int64(b.Buffered + b.Windows + b.Heads + b.Waiting + b.Bytes + b.Fragments + b.Queue + b.Output + b.Flows*flowCost); sum > most {
			t.Errorf("of %d MiB the budgets take %d", most>>20, sum>>20)
		}
		if b.Message > b.Buffered || b.FlowBytes > b.Bytes {
			t.Errorf("%+v", b)
		}
	}
	for v, want := range map[string]int64{"1": 1, "64k": 64 << 10, "64M": 64 << 20, "2GiB": 2 << 30, "3mb": 3 << 20, "": 0, "-1": 0, "M": 0, "9999999999G": 0, "1T": 0, "1.5G": 0} {
		if got, err := Size(v); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", v, got, err)
		}
	}
}

// TestCgroupLimit reads what versions 1 and 2 say, in a container and outside, and
// takes the least of a group and those above it.
func TestCgroupLimit(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none":        {nil, 0},
		"no limit":    {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		"v2":          {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "536870912\n"}, 512 << 20},
		"above":       {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "67108864\n"}, 64 << 20},
		"container":   {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "67108864\n"}, 64 << 20},
		"not visible": {map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/memory.max": "67108864\n"}, 64 << 20},
		"v1": {map[string]string{"proc/self/cgroup": "3:cpu,cpuacct:/x\n5:memory:/docker/1\n",
			"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "134217728\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 128 << 20},
		"v1 in a container": {map[string]string{"proc/self/cgroup": "5:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 128 << 20},
		"hybrid":            {map[string]string{"proc/self/cgroup": "1:memory:/m\n0::/u\n", "sys/fs/cgroup/memory/m/memory.limit_in_bytes": "5000000\n", "sys/fs/cgroup/unified/u/memory.max": "max"}, 5000000},
		"garbage":           {map[string]string{"proc/self/cgroup": "\n:\n0::\nmemory\n", "sys/fs/cgroup/memory.max": "-5"}, 0},
	} {
		root := t.TempDir()
		for file, contents := range tt.files {
			file = filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(contents), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, ok := cgroupLimit(root); got != tt.want || ok != (tt.want > 0) {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// FuzzCgroup: any list of groups is read to its end.
func FuzzCgroup(f *testing.F) {
	f.Add([]byte("0::/a/b\n"))        // version 2
	f.Add([]byte("5:memory:/x\n"))    // version 1
	f.Add([]byte("0::/../..\n:::\n")) // above the root
	f.Fuzz(func(t *testing.T, list []byte) {
		root := t.TempDir()
		os.MkdirAll(filepath.Join(root, "proc/self"), 0o755)
		os.WriteFile(filepath.Join(root, "proc/self/cgroup"), list, 0o644)
		if n, ok := cgroupLimit(root); ok {
			t.Errorf("a limit of %d out of nothing: %q", n, bytes.TrimSpace(list))
		}
	})
}
