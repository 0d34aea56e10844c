// Package check holds what is in deploy against what Kubernetes knows. It is a module
// of its own, for Kubernetes is heavy.
package check

import (
	"bytes"
	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestDaemonSet decodes strictly: a field that Kubernetes does not know is an error.
func TestDaemonSet(t *testing.T) {
	b, err := os.ReadFile("../daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs := bytes.Split(b, []byte("\n---\n"))
	if len(docs) != 2 {
		t.Fatalf("%d documents", len(docs))
	}
	var ns corev1.Namespace
	var ds appsv1.DaemonSet
	for i, into := range []any{&ns, &ds} {
		if err := yaml.UnmarshalStrict(docs[i], into); err != nil {
			t.Error(err)
		}
	}
	if ns.Kind != "Namespace" || ds.Kind != "DaemonSet" || ds.Namespace != ns.Name {
		t.Errorf("%s %s, %s in %s", ns.Kind, ns.Name, ds.Kind, ds.Namespace)
	}
	pod := ds.Spec.Template.Spec
	for key, v := range ds.Spec.Selector.MatchLabels {
		if ds.Spec.Template.Labels[key] != v {
			t.Errorf("the pods are not labelled %s=%s", key, v)
		}
	}
	c := pod.Containers[0]
	if !pod.HostNetwork || len(c.SecurityContext.Capabilities.Add) != 1 || c.SecurityContext.Capabilities.Add[0] != "NET_RAW" {
		t.Errorf("%+v", c.SecurityContext)
	}
	// wsdump ends within 9 s, and scales its budgets to the limit.
	if g := pod.TerminationGracePeriodSeconds; g == nil || *g < 10 || c.Resources.Limits.Memory().Value() != 512<<20 {
		t.Errorf("grace %v, memory %v", g, c.Resources.Limits.Memory())
	}
}
