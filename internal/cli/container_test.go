package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContainerProcess knows the groups of docker, containerd, CRI-O and podman, in
// both versions, and takes no helper for a container.
func TestContainerProcess(t *testing.T) {
	id := func(c string) string { return strings.Repeat(c, 64) }
	proc := t.TempDir()
	for pid, group := range map[string]string{
		"100": "0::/system.slice/docker-" + id("a") + ".scope",
		"99":  "0::/system.slice/docker-" + id("a") + ".scope/init.scope",
		"200": "5:memory:/docker/" + id("b") + "\n4:cpu:/docker/" + id("b"),
		"201": "5:memory:/docker/" + id("b") + "/docker/" + id("c"), // one inside of it
		"300": "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234_5678.slice/cri-containerd-" + id("d") + ".scope",
		"301": "0::/kubepods/burstable/pod1234/" + id("e"),
		"302": "0::/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:" + id("f"),
		"400": "0::/kubepods.slice/crio-" + id("1") + ".scope/container",
		"399": "0::/kubepods.slice/crio-conmon-" + id("1") + ".scope",
		"500": "0::/machine.slice/libpod-" + id("2") + ".scope/container",
		"499": "0::/machine.slice/libpod-conmon-" + id("2") + ".scope",
		"600": "0::/user.slice/user-0.slice/session-1.scope",
		"700": "0::/system.slice/docker-abcd" + id("3")[:60] + ".scope",
		"701": "0::/system.slice/docker-abcd" + id("4")[:60] + ".scope",
		"sys": "0::/docker/" + id("5"),
	} {
		dir := filepath.Join(proc, pid)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup"), []byte(group+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		id   string
		want int
		err  string
	}{
		{"aaaaaaaaaaaa", 99, ""}, {id("a"), 99, ""}, {"AAAA", 99, ""}, {"docker://" + id("b"), 200, ""}, {"cccc", 201, ""},
		{"dddddd", 300, ""}, {"containerd://" + id("e"), 301, ""}, {"ffff", 302, ""}, {"1111", 400, ""}, {"2222", 500, ""},
		{"abcd3", 700, ""}, {"abcd", 0, "several containers"}, {"5555", 0, "no process"}, {"999999", 0, "no process"},
		{"aaa", 0, "no id"}, {"", 0, "no id"}, {"web-1", 0, "no id"}, {"a\x1b[2J", 0, `no id`},
	} {
		pid, err := ContainerProcess(proc, tt.id)
		if pid != tt.want || (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%q: process %d, %v", tt.id, pid, err)
		}
	}
}

// FuzzContainer: any list of groups is read to its end, and no id but one that was
// asked for is found.
func FuzzContainer(f *testing.F) {
	f.Add("0::/system.slice/docker-"+strings.Repeat("a", 64)+".scope\n", "aaaa")  // found
	f.Add("5:memory:/docker/"+strings.Repeat("b", 64)+"/x\n//\n-:.scope", "cccc") // others
	f.Fuzz(func(t *testing.T, groups, id string) {
		if got := containerOf(groups, id); got != "" && (!strings.HasPrefix(got, id) || len(got) != 64) {
			t.Errorf("%q for %q", got, id)
		}
	})
}
