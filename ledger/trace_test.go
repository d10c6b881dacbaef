package ledger

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// specOfBase is a spec as far as a trace reads it.
const specOfBase = `{"base":{"model":"base"}}`

// published fills a ledger whose runs name their base, and returns the first adapter.
func published(t *testing.T, l *Ledger) Adapter {
	t.Helper()
	ok(t, l.RecordBase(t.Context(), Base{Digest: id("base"), Model: "base", Tokenizer: id("tokenizer"), License: "apache-2.0"}))
	s := small.sweep()
	for i := range s.Planned {
		s.Planned[i].Spec = json.RawMessage(specOfBase)
	}
	must(l.RecordSweep(t.Context(), s))(t)
	small.fill(t.Context(), t, l)
	must(l.RecordSweep(t.Context(), s))(t) // of which no adapter is yet
	return must(l.Adapter(t.Context(), "clinical@v1"))(t)
}

// TestTrace follows an adapter to what made it: what was recorded after it was
// published has no part in it.
func TestTrace(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	a := published(t, l)
	before := must(json.Marshal(must(l.Trace(ctx, a))(t)))(t)
	later := small.sweep()
	later.Data.Records = 99
	must(l.RecordSweep(ctx, later))(t)
	ok(t, l.RecordBase(ctx, Base{Digest: id("base"), Model: "base", Tokenizer: id("tokenizer"), License: "another"}))
	must(l.BeginAttempt(ctx, Attempt{Run: a.Run, Kind: Evaluate, Dir: "runs/again"}))(t)

	tr := must(l.Trace(ctx, a))(t)
	if tr.Others != 1 || len(tr.Attempts) != 1 || tr.Attempts[0].Fact.Number != 1 {
		t.Errorf("%d other attempts, of its own %+v", tr.Others, tr.Attempts)
	}
	tr.Others = 0
	if got := must(json.Marshal(tr))(t); string(got) != string(before) {
		t.Errorf("what came later changed it:\n%s\n%s", before, got)
	}
	if len(tr.Sets) != 3 || len(tr.Datasets) != 1 || len(tr.Epochs) != small.epochs || tr.Run.Key != a.Run {
		t.Errorf("%+v", tr)
	}
	for name, seq := range map[string]int64{"adapter": tr.Adapter.Entry, "sweep": tr.Sweep.Entry, "dataset": tr.Datasets[0].Entry, "set": tr.Sets[2].Entry, "attempt": tr.Attempts[0].Entry, "evaluated": tr.Measured[0].Entry} {
		if e, _, err := l.Prove(ctx, seq); err != nil || e.Type != name {
			t.Errorf("entry %d is a %q, want %s: %v", seq, e.Type, name, err)
		}
	}
	if subjects := len(tr.Measured); subjects != 2+small.epochs+1 {
		t.Errorf("%d evaluations", subjects)
	}
	for _, secret := range []string{"a.txt", `"args":{`, ".daybook/runs"} {
		if strings.Contains(string(before), secret) {
			t.Errorf("it holds %s", secret)
		}
	}
}

func TestTraceOfBase(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	ok(t, l.RecordBase(ctx, Base{Digest: id("base"), Model: "base", Tokenizer: id("tokenizer"), License: "apache-2.0"}))
	entries := count(t, l, "entries")
	ok(t, l.RecordBase(ctx, Base{Digest: id("base"), Model: "base", Tokenizer: id("tokenizer"), License: "apache-2.0"}))
	if n := count(t, l, "entries"); n != entries {
		t.Errorf("%d entries for what was known", n-entries)
	}
	for model, want := range map[string]int{"base": 1, "other": 0} {
		if found := must(l.bases(ctx, id("base"), model, "", 1<<62))(t); len(found) != want {
			t.Errorf("%s: %+v", model, found)
		}
	}
	if err := l.RecordBase(ctx, Base{Model: "base"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestSignOff(t *testing.T) {
	l, c := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	a := must(l.Adapter(ctx, "clinical@v1"))(t)
	good := SignOff{Adapter: a.Digest, Decision: "approved", Person: "R. Viewer", Reason: "as discussed"}
	ok(t, l.RecordSignOff(ctx, good))
	good.Time = c.now
	if got := must(l.SignOffs(ctx, a.Digest))(t); len(got) != 1 || got[0].Fact != good {
		t.Errorf("got %+v", got)
	}
	for name, bad := range map[string]func(*SignOff){
		"decision": func(s *SignOff) { s.Decision = "maybe" },
		"nobody":   func(s *SignOff) { s.Person = " " },
		"why":      func(s *SignOff) { s.Reason = "" },
		"long":     func(s *SignOff) { s.Reason = strings.Repeat("x", maxReason+1) },
	} {
		s := good
		if bad(&s); !errors.Is(l.RecordSignOff(ctx, s), ErrInvalid) {
			t.Errorf("%s: it is taken", name)
		}
	}
	good.Adapter = id("nobody's")
	if err := l.RecordSignOff(ctx, good); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	intact(t, l)
}

// TestAdapterFiles keeps what is beside an adapter in its entry.
func TestAdapterFiles(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	a := Adapter{Digest: id("more"), Run: small.key(0), Epoch: 1, Sweep: "other", Path: "adapters/other/v0001", Files: map[string]Digest{"metadata.json": id("metadata")}}
	a.Version = must(l.ReserveVersion(ctx, a))(t)
	ok(t, l.RecordAdapter(ctx, a))
	if got := must(l.Adapter(ctx, "other@v1"))(t); got.Files["metadata.json"] != id("metadata") || got.Entry == 0 {
		t.Errorf("got %+v", got)
	}
	a.Files["metadata.json"] = "../x"
	if err := l.RecordAdapter(ctx, a); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
	intact(t, l)
}
