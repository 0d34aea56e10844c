package check

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// fleetObjects decodes a file of deploy/fleet strictly, by kind.
func fleetObjects(t *testing.T, name string) map[string]any {
	t.Helper()
	b, err := os.ReadFile("../fleet/" + name)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for doc := range bytes.SplitSeq(b, []byte("\n---\n")) {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(doc, &kind); err != nil {
			t.Fatal(err)
		}
		into, ok := map[string]any{
			"Namespace": &corev1.Namespace{}, "ConfigMap": &corev1.ConfigMap{}, "Service": &corev1.Service{}, "DaemonSet": &appsv1.DaemonSet{},
			"StatefulSet": &appsv1.StatefulSet{}, "PodDisruptionBudget": &policyv1.PodDisruptionBudget{}, "NetworkPolicy": &networkingv1.NetworkPolicy{},
			"Job": &batchv1.Job{},
		}[kind.Kind]
		if !ok {
			t.Fatalf("a document of kind %q", kind.Kind)
		}
		if err := yaml.UnmarshalStrict(doc, into); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
		got[kind.Kind] = into
	}
	return got
}

// checkPod: what a pod mounts it has, it selects itself, and gives up what it can.
func checkPod(t *testing.T, pod corev1.PodTemplateSpec, selector map[string]string, extra ...corev1.PersistentVolumeClaim) {
	t.Helper()
	for key, v := range selector {
		if pod.Labels[key] != v {
			t.Errorf("pods are not labelled %s=%s", key, v)
		}
	}
	var volumes []string
	for _, v := range pod.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, c := range extra {
		volumes = append(volumes, c.Name)
	}
	for _, c := range pod.Spec.Containers {
		for _, m := range c.VolumeMounts {
			if !slices.Contains(volumes, m.Name) {
				t.Errorf("%s mounts %s, which is no volume", c.Name, m.Name)
			}
		}
		s := c.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
			!reflect.DeepEqual(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
			t.Errorf("%s: %+v", c.Name, s)
		}
	}
	if a := pod.Spec.AutomountServiceAccountToken; a == nil || *a {
		t.Error("a token is mounted")
	}
}

func TestFleet(t *testing.T) {
	taps := fleetObjects(t, "daemonset.yaml")
	ds := taps["DaemonSet"].(*appsv1.DaemonSet)
	checkPod(t, ds.Spec.Template, ds.Spec.Selector.MatchLabels)
	c := ds.Spec.Template.Spec.Containers[0]
	if !ds.Spec.Template.Spec.HostNetwork || !reflect.DeepEqual(c.SecurityContext.Capabilities.Add, []corev1.Capability{"NET_RAW"}) {
		t.Errorf("%+v", c.SecurityContext)
	}
	// A tap gives the engine 5 s at its end.
	if g := ds.Spec.Template.Spec.TerminationGracePeriodSeconds; g == nil || *g < 10 {
		t.Errorf("grace %v", g)
	}
	ns := taps["Namespace"].(*corev1.Namespace)

	engine := fleetObjects(t, "nats.yaml")
	set := engine["StatefulSet"].(*appsv1.StatefulSet)
	checkPod(t, set.Spec.Template, set.Spec.Selector.MatchLabels, set.Spec.VolumeClaimTemplates...)
	service := engine["Service"].(*corev1.Service) // the headless one, which comes last
	if *set.Spec.Replicas != 3 || set.Spec.ServiceName != service.Name || service.Spec.ClusterIP != "None" {
		t.Errorf("%d replicas behind %s, %+v", *set.Spec.Replicas, set.Spec.ServiceName, service)
	}
	if p := engine["PodDisruptionBudget"].(*policyv1.PodDisruptionBudget); p.Spec.MaxUnavailable.IntValue() != 1 {
		t.Errorf("%+v", p.Spec)
	}
	job := engine["Job"].(*batchv1.Job)
	checkPod(t, job.Spec.Template, nil)
	if args := strings.Join(job.Spec.Template.Spec.Containers[0].Args, " "); !strings.Contains(args, "--replicas=3") {
		t.Error(args)
	}
	for kind, o := range engine {
		if got := reflect.ValueOf(o).Elem().FieldByName("Namespace").String(); got != ns.Name {
			t.Errorf("%s is in %q", kind, got)
		}
	}
	conf := engine["ConfigMap"].(*corev1.ConfigMap).Data["nats.conf"]
	for _, name := range []string{"nats-0", "nats-1", "nats-2"} {
		if !strings.Contains(conf, name+"."+service.Name+":6222") {
			t.Errorf("no route to %s", name)
		}
	}
	// Each variable of the configuration is one of the pod's.
	for _, e := range set.Spec.Template.Spec.Containers[0].Env {
		if e.ValueFrom != nil && !strings.Contains(conf, "$"+e.Name) {
			t.Errorf("%s is not used", e.Name)
		}
	}
}
