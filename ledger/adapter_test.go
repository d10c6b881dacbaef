package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestAdapters(t *testing.T) {
	l, c := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	second := Adapter{Digest: id("adapter 1 2"), Run: small.key(1), Epoch: 2, Sweep: "other", Path: "adapters/other/v0001", Time: c.now.Add(1)}
	second.Version = must(l.ReserveVersion(ctx, second))(t)
	ok(t, l.RecordAdapter(ctx, second))
	ok(t, l.Tag(ctx, Alias{Sweep: "clinical", Alias: "best", Version: 3}))
	entries := count(t, l, "entries")
	ok(t, l.Tag(ctx, Alias{Sweep: "clinical", Alias: "best", Version: 3}))
	ok(t, l.RecordAdapter(ctx, second))
	if n := count(t, l, "entries"); n != entries {
		t.Errorf("%d entries for what was known", n-entries)
	}

	for ref, want := range map[string]string{
		"clinical@v2":              "adapters/clinical/v0002",
		"clinical@v0002":           "adapters/clinical/v0002",
		"clinical@best":            "adapters/clinical/v0003",
		"adapters/clinical/v0001":  "adapters/clinical/v0001",
		"./adapters/clinical/v01/": "",
		"adapters/clinical/v0001/": "adapters/clinical/v0001",
		id("adapter 0 2"):          "adapters/clinical/v0001",
		id("adapter 0 2")[:7]:      "adapters/clinical/v0001",
		id("adapter 1 2"):          "adapters/clinical/v0002", // the oldest of two
		"other@v1":                 "adapters/other/v0001",
		"other@best":               "",
		"clinical@v9":              "",
		"clinical@v0":              "",
		"clinical@":                "",
		"@v1":                      "",
		"":                         "",
		"clinical":                 "",
		id("nothing"):              "",
	} {
		a, err := l.Adapter(ctx, ref)
		if want == "" && !errors.Is(err, ErrNotFound) || want != "" && err != nil || a.Path != want {
			t.Errorf("%q: got %q, %v", ref, a.Path, err)
		}
	}
	if got := must(l.Aliases(ctx, ""))(t); len(got) != 1 || got[0].Version != 3 {
		t.Errorf("got %v", got)
	}
	if got := must(l.Adapters(ctx, AdapterFilter{Run: small.key(1)}))(t); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	var aliases string
	ok(t, l.read.QueryRow("SELECT aliases FROM v_adapters WHERE sweep = 'clinical' AND version = 3").Scan(&aliases))
	if aliases != "best" {
		t.Errorf("got %q", aliases)
	}
}

func TestAdapterRefuses(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	known := must(l.Adapter(ctx, "clinical@v1"))(t)
	moved := known
	moved.Version = 2
	foreign := known
	foreign.Digest = id("other")
	unreserved := foreign
	unreserved.Version = 9
	for name, a := range map[string]Adapter{"under another version": moved, "version of another": foreign, "not reserved": unreserved} {
		if err := l.RecordAdapter(ctx, a); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]Adapter{
		"sweep":  {Digest: id("a"), Run: id("r"), Epoch: 1},
		"epoch":  {Sweep: "s", Digest: id("a"), Run: id("r")},
		"digest": {Sweep: "s", Digest: "a", Run: id("r"), Epoch: 1},
		"run":    {Sweep: "s", Digest: id("a"), Epoch: 1},
	} {
		if _, err := l.ReserveVersion(ctx, a); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.RecordAdapter(ctx, a); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, alias := range []string{"", "v7", "Best", "a b", "-x", "a/b", "a@b", strings.Repeat("a", 65)} {
		if err := l.Tag(ctx, Alias{Sweep: "clinical", Alias: alias, Version: 1}); !errors.Is(err, ErrInvalid) || hintOf(err) == "" {
			t.Errorf("alias %q: %v", alias, err)
		}
	}
	if err := l.Tag(ctx, Alias{Sweep: "clinical", Alias: "best", Version: 9}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestReservedAgain crashes between reserving a version and recording it.
func TestReservedAgain(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	a := Adapter{Sweep: "s", Digest: id("a"), Run: id("r"), Epoch: 1}
	b := Adapter{Sweep: "s", Digest: id("b"), Run: id("r"), Epoch: 2}
	a.Version, b.Version = must(l.ReserveVersion(ctx, a))(t), must(l.ReserveVersion(ctx, b))(t)
	if a.Version != 1 || b.Version != 2 {
		t.Errorf("versions %d and %d", a.Version, b.Version)
	}
	ok(t, l.RecordAdapter(ctx, b))
	for range 2 {
		if v := must(l.ReserveVersion(ctx, a))(t); v != 1 {
			t.Errorf("version %d", v)
		}
	}
	ok(t, l.RecordAdapter(ctx, a))
	if v := must(l.ReserveVersion(ctx, a))(t); v != 1 {
		t.Errorf("version %d", v)
	}
	unplaced := func(f AdapterFilter, want ...int) {
		t.Helper()
		f.Unplaced = true
		var got []int
		for _, a := range must(l.Adapters(ctx, f))(t) {
			got = append(got, a.Version)
		}
		if !slices.Equal(got, want) {
			t.Errorf("versions %v are not in place, want %v", got, want)
		}
	}
	unplaced(AdapterFilter{}, 1, 2)
	unplaced(AdapterFilter{Sweep: "another"})
	ok(t, l.Placed(ctx, []Adapter{b}))
	unplaced(AdapterFilter{}, 1)
	ok(t, l.Placed(ctx, []Adapter{a, b}))
	unplaced(AdapterFilter{})
	if n := count(t, l, "reservations"); n != 0 {
		t.Errorf("%d reservations are left", n)
	}
}
