package runner_test

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/engine/dataset"
	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/runner"
)

// forms are all ways in which something that identifies a record could be kept: its
// identities in the clear and keyed, as bytes and as text.
func forms(t *testing.T, p *place, line []byte) (out [][]byte) {
	t.Helper()
	s, err := runner.NewSubject(line, nil)
	check(t, err)
	root := evidence.RootKey(p.key)
	for _, id := range s.Readings[0] {
		for _, form := range [][32]byte{id, evidence.Keyed(root, id), dataset.Keyed(p.key, id)} {
			out = append(out, form[:], []byte(hex.EncodeToString(form[:])))
		}
	}
	return out
}

// holders returns the files of the root's state that hold one of the forms.
func holders(t *testing.T, p *place, forms [][]byte) (out []string) {
	t.Helper()
	check(t, filepath.WalkDir(p.root.State(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, form := range forms {
			if bytes.Contains(data, form) {
				out = append(out, p.root.Rel(path))
				break
			}
		}
		return err
	}))
	return out
}

// TestForgetLeavesNothing forgets a record that was trained on and one that was
// judged: whatever identified them is in no file any more, in no form.
func TestForgetLeavesNothing(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, `(import 'daybook.libsonnet').sweep('tiny', (import 'tiny.libsonnet') + { train+: { epochs: 1 } })`)
	p.mustRun(t, plan)
	notes, err := os.ReadFile(filepath.Join(p.dir, "notes.jsonl"))
	check(t, err)
	lines := bytes.Split(bytes.TrimSpace(notes), []byte("\n"))
	item := plan.Items[len(plan.Items)-1]
	trained, tested := item.Job.Train[3], item.Job.Judged[1].Records[2]
	for _, at := range []int{trained, tested} {
		if len(holders(t, p, forms(t, p, lines[at]))) == 0 {
			t.Fatalf("line %d: nothing identifies it before", at+1)
		}
	}
	var subjects []runner.Subject
	for _, at := range []int{trained, tested} {
		s, err := runner.NewSubject(lines[at], nil)
		check(t, err)
		subjects = append(subjects, s)
	}
	dry, err := runner.Forget(t.Context(), p.root, p.ledger, p.key, subjects, true)
	check(t, err)
	done, err := runner.Forget(t.Context(), p.root, p.ledger, p.key, subjects, false)
	check(t, err)
	if done.Entry == 0 || done.Predictions == 0 || done.Predictions != dry.Predictions || len(done.Files) != len(dry.Files) || len(done.Sets) != 2 {
		t.Errorf("done %+v, planned %+v", done, dry)
	}
	for _, at := range []int{trained, tested} {
		if left := holders(t, p, forms(t, p, lines[at])); len(left) > 0 {
			t.Errorf("line %d: left in %s", at+1, strings.Join(left, ", "))
		}
	}
	// Everybody else is as they were.
	found, _, err := runner.Expose(t.Context(), p.ledger, p.key, []runner.Subject{subjectOf(t, lines[item.Job.Train[0]])}, true)
	check(t, err)
	if got := found.Records[0]; len(got.Trained) != 1 || got.Trained[0].Grade != runner.Proved {
		t.Errorf("another record: %+v", got)
	}
	v, err := p.ledger.Verify(t.Context(), ledger.VerifyOptions{})
	check(t, err)
	if len(v.Problems) > 0 {
		t.Errorf("problems %v", v.Problems)
	}
}

func subjectOf(t *testing.T, line []byte) runner.Subject {
	t.Helper()
	s, err := runner.NewSubject(line, nil)
	check(t, err)
	return s
}

// TestForgetInterrupted forgets a record that an attempt, which has not ended, names:
// the run begins anew, from nothing that the attempt left.
func TestForgetInterrupted(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, `(import 'daybook.libsonnet').sweep('tiny', (import 'tiny.libsonnet') + { train+: { epochs: 1 } })`)
	p.mustRun(t, plan)
	item := plan.Items[len(plan.Items)-1]
	number, err := p.ledger.BeginAttempt(t.Context(), ledger.Attempt{Run: item.Job.Key, Kind: ledger.Train, Place: func(n int) string { return filepath.ToSlash(p.root.Attempt(item.Job.Key, n)) }})
	check(t, err)
	job := item.Job
	job.Attempt = number
	dir := p.root.Abs(p.root.Attempt(job.Key, number))
	check(t, job.Write(dir))
	check(t, os.Mkdir(filepath.Join(dir, runner.Checkpoints), 0o700))
	notes, err := os.ReadFile(filepath.Join(p.dir, "notes.jsonl"))
	check(t, err)
	line := bytes.Split(notes, []byte("\n"))[job.Judged[0].Records[0]]
	_, err = runner.Forget(t.Context(), p.root, p.ledger, p.key, []runner.Subject{subjectOf(t, line)}, false)
	check(t, err)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the attempt's folder: %v", err)
	}
	if left := holders(t, p, forms(t, p, line)); len(left) > 0 {
		t.Errorf("left in %v", left)
	}
}
