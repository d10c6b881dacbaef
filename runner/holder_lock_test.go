package runner

import (
	"os/exec"
	"testing"
)

// TestWorkerKeepsLock has a process die whose worker lives on: it counts as alive
// until that has ended too.
func TestWorkerKeepsLock(t *testing.T) {
	root := Root{Dir: t.TempDir()}
	h, err := NewHolder(root)
	if err != nil {
		t.Fatal(err)
	}
	if h.file == nil {
		t.Skip("files can't be locked here")
	}
	worker := exec.Command("sleep", "60")
	h.Lend(worker)
	if err := worker.Start(); err != nil {
		t.Skip(err)
	}
	if err := h.file.Close(); err != nil { // what the system does at the end of a process
		t.Error(err)
	}
	if root.gone(h.Name) {
		t.Error("gone, though its worker is not")
	}
	if err := worker.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = worker.Wait() // it was killed
	if !root.gone(h.Name) {
		t.Error("not gone with its worker")
	}
}
