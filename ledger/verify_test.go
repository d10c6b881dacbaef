package ledger

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"daybook/ledger/evidence"
	"daybook/ledger/keyring"
)

// TestVerifyKeys holds sets against the root's key: each entry has a digest of it and
// of the set's own, which the trees alone don't show to be theirs.
func TestVerifyKeys(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	verify := func(root *[32]byte) (problems, notes []string) {
		v := must(l.Verify(t.Context(), VerifyOptions{Keys: l.keys, RootKey: root}))(t)
		for _, p := range v.Problems {
			problems = append(problems, p.String())
		}
		return problems, slices.DeleteFunc(v.Notes, func(n string) bool { return !strings.Contains(n, "key of the record IDs is not here") })
	}
	if problems, notes := verify(nil); len(problems) > 0 || len(notes) != 1 {
		t.Errorf("without: %q, notes %q", problems, notes)
	}
	if problems, notes := verify(&rootKey); len(problems) > 0 || len(notes) > 0 {
		t.Errorf("its own: %q, notes %q", problems, notes)
	}
	another := evidence.RootKey([]byte("another"))
	problems, _ := verify(&another)
	if want := []string{"members of entry 4", "members of entry 6", "members of entry 8"}; len(problems) != len(want) {
		t.Errorf("another: %q, want %q", problems, want)
	}
	for _, p := range problems {
		if !strings.Contains(p, "its keys are not those that the entry commits to") {
			t.Errorf("another: %s", p)
		}
	}
	must(l.Forget(t.Context(), forgetting(small.set("test").Members[0])))(t) // commits under new keys
	if problems, _ := verify(&rootKey); len(problems) > 0 {
		t.Errorf("after a record was forgotten: %q", problems)
	}
}

// TestVerifyNames says exactly what is wrong, and nothing else.
func TestVerifyNames(t *testing.T) {
	for change, want := range map[string][]string{
		"UPDATE metric_values SET value = 0.5 WHERE evaluation = 3 AND ordinal = 0":                                {"metric_values, evaluation 3, ordinal 0: value is 0.5, the entries say "},
		"UPDATE adapters SET path = 'elsewhere', bytes = 1 WHERE version = 2":                                      {`path is "elsewhere", the entries say "adapters/clinical/v0002"`, "bytes is 1, the entries say 4096"},
		"DELETE FROM epochs WHERE attempt = 2 AND epoch = 1":                                                       {"epochs, attempt 2, epoch 1: the row is missing"},
		"INSERT INTO aliases VALUES ('clinical', 'approved', 1, '2026-03-01', 9)":                                  {`aliases, sweep "clinical", alias "approved": no entry says so`},
		"DROP VIEW v_adapters; CREATE VIEW v_adapters AS SELECT * FROM adapters":                                   {"view v_adapters: its definition was changed"},
		"DROP TRIGGER entries_no_update":                                                                           {"trigger entries_no_update: it is missing"},
		"CREATE TABLE notes (x)":                                                                                   {"table notes: a ledger has none"},
		"DROP TRIGGER hashes_no_update; UPDATE hashes SET hash = zeroblob(32) WHERE id = 2":                        {"trigger hashes_no_update: it is missing", "hashes: the hash over entries 1 to 2 was changed"},
		"UPDATE members SET record = zeroblob(32) WHERE list = 1 AND position = 0":                                 {"members, list 1: the identifiers are not those"},
		"UPDATE member_ids SET ids = CAST(substr(ids, 37) AS BLOB) WHERE segment = 1 AND kind = 1":                 {"member_pools, id 1: the index of members is not sound: segment 1 lacks identifiers of kind 1"},
		"UPDATE member_ids SET ids = CAST(zeroblob(32) || substr(ids, 33) AS BLOB) WHERE kind = 3 AND segment = 1": {"members of entry 4: the identifiers are not those that the entry commits to"},
		"UPDATE set_members SET key = zeroblob(32) WHERE entry = 4":                                                {"members of entry 4: their order is not that which the entry commits to"},
		"DELETE FROM set_positions WHERE entry = 4":                                                                {"members of entry 4: there are 0, the entry says 5", "member_pools, id 1: it has records that no set has"},
		"UPDATE set_members SET ordering = NULL WHERE ordering IS NOT NULL":                                        {"members of entry 8: their order is not that"},
		"DELETE FROM set_positions; DELETE FROM set_members":                                                       {"members of entry 4: the identifiers that the entry commits to are gone", "members of entry 6", "members of entry 8", "member_pools, id 1: it has records"},
		"UPDATE member_pools SET encoding = ''":                                                                    {"it is of another dataset or encoding than entry 4", "than entry 6", "than entry 8"},
		"INSERT INTO set_members SELECT 99, pool, key, ordering FROM set_members LIMIT 1":                          {"set_members, entry 99: no entry names it"},
		"DELETE FROM record_lists":                                                                                 {"record_lists, ", "record_lists, "},
		"ANALYZE":                                                                                                  nil,
		"UPDATE leases SET holder = 'me'; DELETE FROM reservations":                                                nil,
	} {
		l, _ := open(t)
		small.fill(t.Context(), t, l)
		must(l.write.Exec(change))(t)
		got := must(l.Verify(t.Context(), VerifyOptions{Keys: l.keys}))(t).Problems
		var texts []string
		for _, p := range got {
			texts = append(texts, p.String())
		}
		slices.Sort(texts)
		slices.Sort(want)
		if len(got) != len(want) {
			t.Errorf("%s: %d problems: %q", change, len(got), texts)
			continue
		}
		for _, part := range want {
			if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) }) {
				t.Errorf("%s: %q, want %q", change, texts, part)
			}
		}
	}
}

// TestVerifyChangedEntry names the entry, and the head that is over it.
func TestVerifyChangedEntry(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	must(l.write.Exec(`DROP TRIGGER entries_no_update; UPDATE entries SET body = replace(body, '"version":1', '"version":2') WHERE type = 'alias';
		CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT raise(ABORT, 'entries are never changed'); END`))(t)
	v := must(l.Verify(t.Context(), VerifyOptions{Keys: l.keys}))(t)
	var all []string
	for _, p := range v.Problems {
		all = append(all, p.String())
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"it has another hash than it was added with", "head: it is signed over", "last head signed on this machine: the first", "aliases, sweep \"clinical\", alias \"best\": version is 1, the entries say 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestVerifyEntryWithoutEvents reads an entry that says of itself to be another version.
func TestVerifyEntryWithoutEvents(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	must(l.write.Exec(`DROP TRIGGER entries_no_update; UPDATE entries SET version = 1 WHERE type = 'steps';
		CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT raise(ABORT, 'entries are never changed'); END`))(t)
	v := must(l.Verify(t.Context(), VerifyOptions{Keys: l.keys}))(t)
	if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return strings.Contains(p.What, "it has no events") }) {
		t.Errorf("problems %v", v.Problems)
	}
}

// TestVerifyWhileWriting verifies a ledger that somebody adds to.
func TestVerifyWhileWriting(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := l.RecordDataset(t.Context(), Dataset{Digest: id("%d", i), Root: id("r")}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 20 {
		v := must(l.Verify(t.Context(), VerifyOptions{Keys: l.keys}))(t)
		if len(v.Problems) > 0 {
			t.Errorf("problems %v", v.Problems)
		}
	}
	cancel()
	wg.Wait()
}

func TestVerifyEmptyAndDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	l := must(Open(t.Context(), path, Options{Keys: ring(path)}))(t)
	if v := must(l.Verify(t.Context(), VerifyOptions{Keys: l.keys}))(t); len(v.Problems) > 0 || v.Entries != 0 {
		t.Errorf("empty: %+v", v)
	}
	small.fill(t.Context(), t, l)
	ok(t, l.Close())
	data := must(os.ReadFile(path))(t)
	const page = 4096
	for i := range 64 { // of the last page, which is a table's or an index's
		data[len(data)-page+i] ^= 0x5a
	}
	ok(t, os.WriteFile(path, data, 0o600))
	l = must(OpenReadOnly(t.Context(), path, Options{}))(t)
	defer func() { ok(t, l.Close()) }()
	v, err := l.Verify(t.Context(), VerifyOptions{})
	if err != nil || len(v.Problems) == 0 {
		t.Errorf("damaged: %+v, %v", v, err)
	}
}

// TestVerifyWithoutKey says that a key nobody knows proves nothing.
func TestVerifyWithoutKey(t *testing.T) {
	l, _ := open(t)
	small.fill(t.Context(), t, l)
	claim := func(o VerifyOptions) bool {
		return strings.Contains(strings.Join(must(l.Verify(t.Context(), o))(t).Notes, "\n"), "its own claim")
	}
	key := must(l.signer(t.Context()))(t).Key
	if claim(VerifyOptions{Keys: l.keys}) || claim(VerifyOptions{Key: key}) || !claim(VerifyOptions{}) || !claim(VerifyOptions{Keys: &keyring.Ring{Dir: t.TempDir()}}) {
		t.Error("it is said where it isn't so, or isn't where it is")
	}
}
