package decrypt

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// waitFor waits for a number of secrets.
func waitFor(t *testing.T, k *KeyLog, secrets uint64) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if k.Stats().Secrets >= secrets {
			break
		}
	}
	if st := k.Stats(); st.Secrets != secrets || st.Bad != 0 {
		t.Fatalf("%+v, want %d secrets", st, secrets)
	}
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestFollow: a log that comes later, grows by half lines, is replaced by rename,
// rewritten in place and emptied.
func TestFollow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.log")
	k, err := OpenKeyLog(name)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	one := logLine("CLIENT_RANDOM", 1, 48) + "\n"
	appendTo(t, name, one[:50])
	time.Sleep(3 * pollInterval)
	appendTo(t, name, one[50:])
	waitFor(t, k, 1)
	appendTo(t, name, logLine("CLIENT_RANDOM", 2, 48)) // whole, but for its end
	waitFor(t, k, 2)
	appendTo(t, name, "\n"+logLine("CLIENT_TRAFFIC_SECRET_0", 2, 32)+"\n")
	waitFor(t, k, 3)

	appendTo(t, name+".new", logLine("CLIENT_RANDOM", 4, 48)+"\n")
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	waitFor(t, k, 4)
	long := logLine("CLIENT_RANDOM", 5, 48) + "\n" + logLine("CLIENT_RANDOM", 6, 48) + "\n"
	if err := os.WriteFile(name, []byte(long), 0o600); err != nil { // in place, and longer
		t.Fatal(err)
	}
	waitFor(t, k, 6)
	if err := os.WriteFile(name, []byte(logLine("CLIENT_RANDOM", 7, 48)+"\n"), 0o600); err != nil { // shorter
		t.Fatal(err)
	}
	waitFor(t, k, 7)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, name, logLine("CLIENT_RANDOM", 8, 48)+"\n")
	time.Sleep(2 * pollInterval)
	waitFor(t, k, 7)
}

// TestFollowThere: what is there already is known at once.
func TestFollowThere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.log")
	appendTo(t, name, logLine("CLIENT_RANDOM", 1, 48)+"\r\n"+logLine("CLIENT_RANDOM", 2, 48))
	k, err := OpenKeyLog(name)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if got := k.Stats().Secrets; got != 2 {
		t.Errorf("%d secrets", got)
	}
	if _, err := OpenKeyLog(t.TempDir()); err == nil {
		t.Error("a directory is no key log")
	}
}
