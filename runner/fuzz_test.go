package runner_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"daybook/runner"
)

var someDigest = strings.Repeat("0123456789abcdef", 4)

// FuzzReadJob reads spec.json of attempts made elsewhere. A job that is accepted
// says what to do, and says the same after it was written again.
func FuzzReadJob(f *testing.F) {
	f.Add([]byte(`{"kind":"train","key":"` + someDigest + `","attempt":1,"spec":{"seed":3},"train":[0,4],"judged":[{"split":"test","records":[1],"ids":["a"]}]}`))
	f.Add([]byte(`{"kind":"evaluate","key":"` + someDigest + `","attempt":2,"baseline":"zero_shot","threads":-1}`))
	f.Add([]byte(`{"kind":"evaluate","key":"` + someDigest + `","attempt":2,"adapter":{"path":"../..","epoch":-1},"train":[-1],"judged":[{"records":[9]}]}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"kind":"evaluate","key":"` + someDigest + `","attempt":1}`))
	f.Add([]byte(`{"kind":"train","spec":{"train":{"lora":{"rank":1e999}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, runner.JobFile), data, 0o600))
		job, err := runner.ReadJob(dir)
		if err != nil {
			return
		}
		if job.Kind == "evaluate" && job.Baseline == "" && job.Adapter == nil {
			t.Errorf("nothing is judged: %+v", job)
		}
		for _, s := range job.Judged {
			if len(s.IDs) != len(s.Records) {
				t.Errorf("%d ids of %d records", len(s.IDs), len(s.Records))
			}
		}
		check(t, job.Write(dir))
		again, err := runner.ReadJob(dir)
		check(t, err)
		if d := cmp.Diff(job, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("written and read again: %s", d)
		}
		if err := job.Fits(5); err == nil {
			for _, i := range append(job.Train, job.Shots...) {
				if i < 0 || i >= 5 {
					t.Errorf("record %d of 5", i)
				}
			}
		}
	})
}

// FuzzReadMetadata reads metadata.json of adapters that others sent.
func FuzzReadMetadata(f *testing.F) {
	f.Add([]byte(`{"adapter":"` + someDigest + `","run":"` + someDigest + `","base":{"digest":"` + someDigest + `"},"metrics":{"test":{"loss":null}}}`))
	f.Add([]byte(`{"adapter":"` + someDigest + `","axes":[{"axis":"rank","label":"4"}],"epoch":-1}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "metadata.json")
		check(t, os.WriteFile(path, data, 0o600))
		m, err := runner.ReadMetadata(dir)
		if err != nil {
			return
		}
		for _, digest := range []string{m.Adapter, m.Run, m.Base.Digest} {
			if len(digest) != len(someDigest) {
				t.Errorf("%q is no digest", digest)
			}
		}
		text, err := json.Marshal(m)
		check(t, err)
		check(t, os.WriteFile(path, text, 0o600))
		again, err := runner.ReadMetadata(dir)
		check(t, err)
		if d := cmp.Diff(m, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("written and read again: %s", d)
		}
	})
}

// FuzzReadPredictions reads stored predictions, from which later metrics are
// computed without the model.
func FuzzReadPredictions(f *testing.F) {
	f.Add([]byte(`{"record":"a","text":"x","nll":0.5,"targets":3,"hits":1}` + "\n" + `{"record":"b","text":null,"nll":1e-300,"targets":0,"hits":0}` + "\n"))
	f.Add([]byte(`{"record":"a","nll":1,"targets":1,"hits":2}`))
	f.Add([]byte("null\n"))
	f.Add([]byte(`{"record":"a"}{"record":`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		root := runner.Root{Dir: t.TempDir()}
		check(t, os.MkdirAll(root.Predictions(), 0o700))
		check(t, os.WriteFile(filepath.Join(root.Predictions(), "key.jsonl"), data, 0o600))
		found, err := runner.ReadPredictions(root, "key")
		if err != nil {
			return
		}
		for _, p := range found {
			if p.Record == "" || p.Hits > p.Targets || p.Hits < 0 {
				t.Errorf("accepted %+v", p)
			}
		}
		_, err = runner.WritePredictions(root, "key", found)
		check(t, err)
		again, err := runner.ReadPredictions(root, "key")
		check(t, err)
		if d := cmp.Diff(found, again); d != "" {
			t.Errorf("written and read again: %s", d)
		}
	})
}
