package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/ledger/keyring"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// made is a bundle that Daybook has made, by file, and the ledger's public key.
type made struct {
	files map[string][]byte
	key   string
}

// source makes digests that are different every time.
var source = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))

func digest() (d [32]byte) {
	for i := range d {
		d[i] = byte(source.Uint32())
	}
	return d
}

func text(d [32]byte) string { return hex.EncodeToString(d[:]) }

// record is a record's identities in the clear.
func record() map[evidence.Identity][32]byte {
	out := map[evidence.Identity][32]byte{}
	for _, identity := range evidence.Identities() {
		out[identity] = digest()
	}
	return out
}

// makeBundle proves of one record that it is in the sets of the first run of two,
// and of another one that it is in none.
func makeBundle(tb testing.TB) made {
	tb.Helper()
	ctx := context.Background()
	dir := tb.TempDir()
	l, err := ledger.Open(ctx, filepath.Join(dir, "ledger.db"), ledger.Options{Keys: &keyring.Ring{Dir: filepath.Join(dir, "keys")}})
	check(tb, err)
	defer func() { check(tb, l.Close()) }()
	root := digest()
	asked, other := record(), record()
	sweep := ledger.Sweep{Name: "clinical", Digest: text(digest()), Args: []byte("[]"), Settings: []byte("{}")}
	dataset := text(digest())
	for i := range 2 {
		s := ledger.Set{Digest: text(digest()), Dataset: dataset, Role: "train", RootKey: root, Encoding: text(digest())}
		for position := range 40 {
			r := record()
			if i == 0 && position == 7 {
				r = asked
			}
			keyed := func(identity evidence.Identity) string { return text(evidence.Keyed(root, r[identity])) }
			s.Members = append(s.Members, ledger.Member{
				Position: position, Record: keyed(evidence.RecordIdentity), Content: keyed(evidence.ContentIdentity),
				Example: keyed(evidence.ExampleIdentity), Near: keyed(evidence.NearIdentity),
			})
		}
		check(tb, l.RecordSet(ctx, s))
		sweep.Planned = append(sweep.Planned, ledger.PlannedRun{
			Key: text(digest()), Kind: ledger.Train, Position: i, Axes: []ledger.Choice{{Axis: "rank", Label: fmt.Sprint(i)}}, Spec: []byte("{}"),
			Base: text(digest()), TrainSet: s.Digest, Evaluation: text(digest()),
		})
	}
	_, err = l.RecordSweep(ctx, sweep)
	check(tb, err)
	for _, p := range sweep.Planned {
		_, err = l.BeginAttempt(ctx, ledger.Attempt{Run: p.Key, Kind: ledger.Train})
		check(tb, err)
	}
	sets, err := l.Sets(ctx)
	check(tb, err)
	var entries []int64
	for _, s := range sets {
		entries = append(entries, s.Membership)
	}
	proofs, err := l.ProveMembers(ctx, root, []map[evidence.Identity][32]byte{asked, other}, entries)
	check(tb, err)
	var out bytes.Buffer
	check(tb, l.WriteBundle(ctx, &out, ledger.Bundle{Members: proofs}))
	signers, err := l.Signers(ctx)
	check(tb, err)
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	check(tb, err)
	m := made{files: map[string][]byte{}, key: signers[0].Key}
	for _, f := range z.File {
		r, err := f.Open()
		check(tb, err)
		m.files[f.Name], err = io.ReadAll(r)
		check(tb, err)
	}
	return m
}

// verdict runs the command on a bundle.
func verdict(tb testing.TB, files map[string][]byte, args ...string) (code int, out string) {
	tb.Helper()
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for name, data := range files {
		w, err := z.Create(name)
		check(tb, err)
		_, err = w.Write(data)
		check(tb, err)
	}
	check(tb, z.Close())
	path := filepath.Join(tb.TempDir(), "bundle.zip")
	check(tb, os.WriteFile(path, packed.Bytes(), 0o600))
	var b strings.Builder
	return run(append(args, path), &b, &b), b.String()
}

// TestNamesTwice adds a second file of each name: who unpacks the bundle has that one.
func TestNamesTwice(t *testing.T) {
	m := makeBundle(t)
	for twice := range m.files {
		var packed bytes.Buffer
		z := zip.NewWriter(&packed)
		for _, name := range append(slices.Sorted(maps.Keys(m.files)), twice) {
			w, err := z.Create(name)
			check(t, err)
			_, err = w.Write(m.files[name])
			check(t, err)
		}
		check(t, z.Close())
		path := filepath.Join(t.TempDir(), "bundle.zip")
		check(t, os.WriteFile(path, packed.Bytes(), 0o600))
		var out strings.Builder
		if code := run([]string{"-key", m.key, path}, &out, &out); code != 4 {
			t.Errorf("%s twice: code %d\n%s", twice, code, out.String())
		}
	}
}

func TestProved(t *testing.T) {
	m := makeBundle(t)
	code, out := verdict(t, m.files, "-key", m.key)
	for _, want := range []string{
		"2 runs begun to train, 2 sets committed to", "clinical rank=0: in its training set, by content, example, record",
		"not in the committed training sets of 1 runs; unknown of 0", "not in the committed training sets of 2 runs; unknown of 0",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("code %d, want %q in\n%s", code, want, out)
		}
	}
	if strings.Contains(out, "rank=1") {
		t.Errorf("the other run has it, too:\n%s", out)
	}
}

// TestChanged changes what the bundle says in many places: it proves nothing any
// more, or the same.
func TestChanged(t *testing.T) {
	m := makeBundle(t)
	_, sound := verdict(t, m.files)
	noticed := 0
	for name := range m.files {
		for range 150 {
			files := map[string][]byte{}
			for n, data := range m.files {
				files[n] = bytes.Clone(data)
			}
			data := files[name]
			at := source.IntN(len(data))
			data[at] ^= 1 << source.IntN(7)
			code, out := verdict(t, files, "-key", m.key)
			if code == 0 && out != sound && !otherRecords(m.files[name], data) {
				t.Fatalf("%s, byte %d: nobody noticed\n%s", name, at, out)
			}
			if code != 0 {
				noticed++
			}
		}
	}
	if noticed < 300 {
		t.Errorf("only %d changes were noticed", noticed)
	}
}

// otherRecords reports whether a document asks about other records: of
// those it may well prove that they are in no set.
func otherRecords(before, after []byte) bool {
	var a, b document
	return json.Unmarshal(before, &a) == nil && json.Unmarshal(after, &b) == nil && fmt.Sprint(a.Records) != fmt.Sprint(b.Records)
}

func TestLeftOut(t *testing.T) {
	m := makeBundle(t)
	edit := func(change func(d *evidence.MembershipProofs)) map[string][]byte {
		files := map[string][]byte{}
		for n, data := range m.files {
			files[n] = data
		}
		var d evidence.MembershipProofs
		check(t, json.Unmarshal(m.files["membership.json"], &d))
		change(&d)
		data, err := json.Marshal(d)
		check(t, err)
		files["membership.json"] = data
		return files
	}
	for name, change := range map[string]func(d *evidence.MembershipProofs){
		"a set":       func(d *evidence.MembershipProofs) { d.Sets = d.Sets[1:] },
		"every set":   func(d *evidence.MembershipProofs) { d.Sets = nil },
		"records":     func(d *evidence.MembershipProofs) { d.Records = nil },
		"the version": func(d *evidence.MembershipProofs) { d.Version = 2 },
		"another key": func(d *evidence.MembershipProofs) { d.Sets[0].Key = text(digest()) },
		"an identity": func(d *evidence.MembershipProofs) { d.Records[0] = nil },
		"all but one": func(d *evidence.MembershipProofs) {
			delete(d.Records[0], evidence.NearIdentity)
			d.Records[0]["of nothing"] = text(digest())
		},
		"a proof": func(d *evidence.MembershipProofs) { delete(d.Sets[0].Proofs[0], evidence.ContentIdentity) },
	} {
		if code, out := verdict(t, edit(change)); code != 4 {
			t.Errorf("%s: code %d\n%s", name, code, out)
		}
	}
	if code, _ := verdict(t, m.files, "-key", "nobody+00000000+AAAA"); code != 2 {
		t.Errorf("what is no key: code %d", code)
	}
	name, _, _ := strings.Cut(m.key, "+")
	_, another, err := note.GenerateKey(nil, name)
	check(t, err)
	if code, out := verdict(t, m.files, "-key", another); code != 4 || strings.Contains(out, "run") {
		t.Errorf("another's key: code %d\n%s", code, out)
	}
}

// TestForgotten has a set from which a record was taken: nothing is known any more of
// whether it had another one.
func TestForgotten(t *testing.T) {
	var out strings.Builder
	c := &checker{out: &out, sets: map[int64]membership{}, runs: map[string]bool{}, plans: map[string][]plan{}}
	check(t, c.entry(1, "sweep", []byte(`{"name":"tiny","planned":[{"key":"one","train_set":"cut"},{"key":"two","train_set":"whole"}]}`)))
	for seq, body := range map[int64]string{2: `{"set":"cut"}`, 3: `{"set":"whole"}`} {
		check(t, c.entry(seq, "membership", []byte(body)))
	}
	check(t, c.entry(4, "attempt", []byte(`{"run":"one","kind":"train"}`)))
	check(t, c.entry(5, "attempt", []byte(`{"run":"two","kind":"train"}`)))
	check(t, c.entry(6, "membership", []byte(`{"set":"cut","replaces":2}`)))
	c.answer(0, []map[string]hexes{nil}, nil)
	if got := out.String(); !strings.Contains(got, "not in the committed training sets of 1 runs; unknown of 1, ") {
		t.Error(got)
	}
}

// TestRecordID computes identities of records as they stand, from the vectors that
// an implementation in another language has made too.
func TestRecordID(t *testing.T) {
	text, err := os.ReadFile("../../evidence/testdata/vectors.json")
	check(t, err)
	var vectors struct {
		Canonical []struct{ In, Out string }
		Floats    []struct{ Bits, Text string }
	}
	check(t, json.Unmarshal(text, &vectors))
	if len(vectors.Floats) == 0 {
		t.Fatal("no vectors")
	}
	for _, f := range vectors.Floats {
		bits, err := strconv.ParseUint(f.Bits, 16, 64)
		check(t, err)
		if got := number(nil, math.Float64frombits(bits)); string(got) != f.Text {
			t.Errorf("%s: %s, want %s", f.Bits, got, f.Text)
		}
	}
	const messy = ` {"\ud83d\ude00":[1.50, true ,null], "\uffee":"\u0001\"\\é\n", "a":{"c":-0,"b":1e30}}`
	want := sha256.Sum256([]byte(`{"a":{"b":1e+30,"c":0},"😀":[1.5,true,null],"￮":"\u0001\"\\é\n"}`))
	if got, err := recordID([]byte(messy)); err != nil || !bytes.Equal(got, want[:]) {
		t.Errorf("%x, %v", got, err)
	}
	for _, bad := range []string{"", "[]", "text", "{} {}"} {
		if _, err := recordID([]byte(bad)); err == nil {
			t.Errorf("%q has an identity", bad)
		}
	}
}

// TestInherited has runs that go on from an adapter, from a base that one was merged
// into, and from what no run here made, as a sweep, a base, epochs and attempts say it.
func TestInherited(t *testing.T) {
	from := func(adapter string) string {
		return `{"train":{"lora":{"init":{"digest":"` + adapter + `"},"rank":4},"epochs":1}}`
	}
	planned := func(key, base, set, spec string) string {
		return fmt.Sprintf(`{"key":%q,"base":%q,"train_set":%q,"spec":%s,"axes":[{"axis":"rank","label":"4"}]}`, key, base, set, spec)
	}
	var out strings.Builder
	c := &checker{out: &out, sets: map[int64]membership{1: {Set: "with"}, 2: {Set: "without"}}, runs: map[string]bool{}, plans: map[string][]plan{}}
	var runs []string
	for _, r := range []struct{ key, base, set, spec string }{
		{"1 saw it", "plain", "with", "{}"},
		{"2 goes on", "plain", "without", from("first")},
		{"3 on merged", "made", "without", "{}"},
		{"4 goes on from a child", "plain", "without", from("second")},
		{"5 foreign", "plain", "without", from("nobody's")},
		{"6 from foreign", "plain", "without", from("fifth")},
		{"7 new", "plain", "without", `"of another release"`},
		{"8 uncommitted", "plain", "not committed to", "{}"},
		{"9 from uncommitted", "plain", "without", from("eighth")},
		{"a around", "plain", "without", from("tenth")},
	} {
		runs = append(runs, planned(r.key, r.base, r.set, r.spec))
		check(t, c.entry(9, "attempt", fmt.Appendf(nil, `{"run":%q,"kind":"train"}`, r.key)))
	}
	epoch := func(run, adapter string) {
		check(t, c.entry(9, "epoch", fmt.Appendf(nil, `{"run":%q,"attempt":1,"events":[{"seq":3,"type":"epoch","body":{"epoch":1,"adapter":%q}}]}`, run, adapter)))
	}
	check(t, c.entry(9, "sweep", fmt.Appendf(nil, `{"name":"tiny","planned":[%s,%s]}`, strings.Join(runs, ","), planned("b not begun", "made", "with", "{}"))))
	check(t, c.entry(9, "base", []byte(`{"digest":"plain"}`)))
	check(t, c.entry(9, "base", []byte(`{"digest":"made","merged":{"adapter":"first"}}`)))
	check(t, c.entry(9, "adapter", []byte(`{"digest":"first","run":"1 saw it"}`)))
	epoch("2 goes on", "second")
	epoch("5 foreign", "fifth")
	epoch("8 uncommitted", "eighth")
	epoch("a around", "tenth")
	c.answer(0, []map[string]hexes{nil}, map[string][]string{"with": {"content", "record"}})
	c.outside()
	want := `record 1
  run 1 saw it tiny rank=4: in its training set, by content, record
  run 2 goes on tiny rank=4: through adapter first, which it has in it from its beginning and run 1 saw it made
  run 3 on merged tiny rank=4: through adapter first, which it has in it from its beginning and run 1 saw it made
  run 4 goes on fr tiny rank=4: through adapter first, which it has in it from its beginning and run 1 saw it made
  not in the committed training sets of 2 runs; unknown of 1, to whose sets no entry commits, or only to what is left of them
  unknown of 3 more: an adapter is in them from their beginning of which no set here tells what it was trained on
unproved: run 5 foreign has adapter nobody's in it from its beginning, which no run here made: what that was trained on, the run has seen too, and nothing here tells
`
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
