package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
	"github.com/wstap/wstap/examples/fleet/internal/engine"
	"github.com/wstap/wstap/examples/fleet/internal/outbox"
	"github.com/wstap/wstap/internal/testkit"
	"github.com/wstap/wstap/websocket"
)

func deployed(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../deploy/fleet/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// exposition is what a tap says on /metrics.
func exposition(t testing.TB) string {
	t.Helper()
	o := outbox.New(outbox.Config{})
	defer o.Close(canceled())
	tap := &tap{tapOptions: &tapOptions{name: "a"}, boot: "x", out: o, builder: batch.NewBuilder(batch.Config{}),
		src: &source{stats: func() websocket.Stats { return websocket.Stats{} }}}
	var b bytes.Buffer
	if err := tap.writeMetrics(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var metricName = regexp.MustCompile(`wstap_fleet_[a-z_]+`)

// TestMetrics holds the format against the rules of Prometheus's text format.
func TestMetrics(t *testing.T) {
	line := regexp.MustCompile(`^wstap_fleet_[a-z_]+\{([a-z]+="[^"]*",?)+\} -?[0-9.e+]+$`)
	var name, kind string
	for l := range strings.Lines(exposition(t)) {
		l = strings.TrimSuffix(l, "\n")
		words := strings.Fields(l)
		switch {
		case strings.HasPrefix(l, "# HELP "):
			name = words[2]
		case strings.HasPrefix(l, "# TYPE "):
			if kind = words[3]; words[2] != name {
				t.Errorf("%s: the type of %s", l, name)
			}
			if (kind == "counter") != strings.HasSuffix(name, "_total") {
				t.Errorf("%s is a %s", name, kind)
			}
		case !line.MatchString(l) || !strings.HasPrefix(l, name+"{"):
			t.Errorf("%q behind %s", l, name)
		}
	}
}

// TestDashboard: panels and alerts ask for metrics that there are, and each has a place of
// its own.
func TestDashboard(t *testing.T) {
	known := map[string]bool{}
	for _, name := range metricName.FindAllString(exposition(t), -1) {
		known[name] = true
	}
	var dashboard struct {
		Title, UID string
		Templating struct {
			List []struct{ Name string }
		}
		Panels []struct {
			ID          int
			Title, Type string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr, RefID string }
		}
	}
	d := json.NewDecoder(strings.NewReader(deployed(t, "grafana.json")))
	if err := d.Decode(&dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.UID == "" || len(dashboard.Templating.List) != 2 || len(dashboard.Panels) < 10 {
		t.Errorf("%+v", dashboard)
	}
	taken := map[[2]int]int{}
	asked := map[string]bool{}
	for _, p := range dashboard.Panels {
		g := p.GridPos
		if p.ID == 0 || p.Title == "" || g.X+g.W > 24 || len(p.Targets) == 0 {
			t.Errorf("%+v", p)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if taken[[2]int{x, y}] != 0 {
					t.Errorf("%s overlaps panel %d", p.Title, taken[[2]int{x, y}])
				}
				taken[[2]int{x, y}] = p.ID
			}
		}
		for _, target := range p.Targets {
			names := metricName.FindAllString(target.Expr, -1)
			if len(names) == 0 || target.RefID == "" || strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") {
				t.Errorf("%s: %s", p.Title, target.Expr)
			}
			for _, name := range names {
				asked[name] = true
			}
		}
	}
	for _, name := range metricName.FindAllString(deployed(t, "alerts.yaml"), -1) {
		asked[name] = true
	}
	for name := range asked {
		if !known[name] {
			t.Errorf("nothing tells %s", name)
		}
	}
}

// TestUnit: systemd knows what the unit says, and the command line is one of ours.
func TestUnit(t *testing.T) {
	unit := deployed(t, "wstap-fleet.service")
	m := regexp.MustCompile(`(?m)^ExecStart=\S+ tap (.*)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatal("no ExecStart")
	}
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	if o, err := parseTap(strings.Fields(strings.ReplaceAll(m[1], "%l", "node-1"))); err != nil || o.filter != "port 7272" || o.spoolDir == "" {
		t.Errorf("%+v, %v", o, err)
	}
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here to check it")
	}
	file := filepath.Join(t.TempDir(), "wstap-fleet.service")
	if err := os.WriteFile(file, []byte(strings.Replace(unit, "/usr/local/bin/fleet", "/bin/true", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "verify", file).CombinedOutput(); err != nil && strings.Contains(string(out), "wstap-fleet.service") {
		t.Errorf("%s", out)
	}
}

// clusterConf returns the configuration that deploy/fleet/nats.yaml gives to a server.
func clusterConf(t testing.TB) string {
	t.Helper()
	_, rest, found := strings.Cut(deployed(t, "nats.yaml"), "nats.conf: |\n")
	conf, _, end := strings.Cut(rest, "\n---\n")
	if !found || !end {
		t.Fatal("no nats.conf in nats.yaml")
	}
	return conf
}

// TestCluster runs the three servers of deploy/fleet/nats.yaml, of which one after the
// other is killed with -9 and comes back while taps send: with three replicas nothing is
// missing. In short it only reads the configuration.
func TestCluster(t *testing.T) {
	for name, value := range map[string]string{"TAP_PASSWORD": "t1", "READER_PASSWORD": "r1", "ADMIN_PASSWORD": "a1", "POD_NAME": "nats-0"} {
		t.Setenv(name, value)
	}
	conf := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(conf, []byte(clusterConf(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	if opts.Cluster.Name != "fleet" || len(opts.Routes) != 3 || !opts.JetStream || len(opts.Users) != 3 || opts.ServerName != "nats-0" {
		t.Errorf("%+v", opts)
	}
	if !testkit.Long() {
		t.Skip("WSTAP_LONG=1 runs the cluster")
	}

	var clients, routes, confs []string
	for range 3 {
		clients, routes = append(clients, freePort(t)), append(routes, freePort(t))
	}
	start := func(i int) *process {
		t.Setenv("POD_NAME", "nats-"+string(rune('0'+i)))
		return fleet(t, "serve", "--config", confs[i])
	}
	for i := range 3 {
		text := strings.NewReplacer("0.0.0.0:4222", clients[i], "0.0.0.0:6222", routes[i], "http: 0.0.0.0:8222", "", "/data", t.TempDir(),
			"nats-0.nats-headless:6222", routes[0], "nats-1.nats-headless:6222", routes[1], "nats-2.nats-headless:6222", routes[2]).Replace(clusterConf(t))
		name := filepath.Join(t.TempDir(), "nats.conf")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		confs = append(confs, name)
	}
	servers := []*process{start(0), start(1), start(2)}
	all := "nats://" + strings.Join(clients, ",nats://")
	as := func(user, password string) engine.Access {
		return engine.Access{NATS: all, User: user, PasswordFile: passwordFile(t, password)}
	}
	admin := as("admin", "a1")
	until(t, "stream of three", func() bool {
		p := fleet(t, "stream", "--nats", all, "--user", "admin", "--password-file", admin.PasswordFile, "--replicas", "3")
		return p.Wait() == nil
	})
	const conns, messages = 50, 300000
	file := recording(t, conns, messages)
	wait := runTaps(t, tapOf(t, as("tap", "t1"), "a", file), tapOf(t, as("tap", "t1"), "b", file))
	done := make(chan struct{})
	go func() { wait(); close(done) }()
	for i := range 6 {
		time.Sleep(time.Second)
		servers[i%3].kill()
		time.Sleep(time.Second)
		servers[i%3] = start(i % 3)
		time.Sleep(5 * time.Second) // until it has caught up
	}
	<-done
	out, counts := readAll(t, as("reader", "r1"))
	t.Logf("%+v", counts)
	if counts.Missing != 0 {
		t.Errorf("%+v", counts)
	}
	checkOnce(t, events(t, out), []string{"a", "b"}, conns, messages)
}
