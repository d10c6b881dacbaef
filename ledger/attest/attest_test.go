package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/ledger/journal"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func id(name string) ledger.Digest {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)

func trace() *ledger.Trace {
	t := &ledger.Trace{
		Adapter:  ledger.Cited[ledger.Adapter]{Fact: ledger.Adapter{Digest: id("adapter"), Run: id("run"), Epoch: 2, Sweep: "clinical", Version: 7, Path: "adapters/clinical/v0007", Bytes: 1 << 40, Time: at}},
		Run:      ledger.PlannedRun{Key: id("run"), Axes: []ledger.Choice{{Axis: "rank", Label: "8"}}, Spec: json.RawMessage(`{"base":{"model":"base"},"seed":9007199254740992}`), Base: id("base"), Numerics: "cpu/float32/1"},
		Base:     &ledger.Cited[ledger.Base]{Entry: 2, Fact: ledger.Base{Digest: id("base"), License: "apache-2.0", Repository: "org/name", Revision: "c0ffee"}},
		Datasets: []ledger.Cited[ledger.Dataset]{{Entry: 3, Fact: ledger.Dataset{Digest: id("data"), Path: "notes.jsonl", Records: 48}}},
		Sets:     []ledger.Cited[ledger.TracedSet]{{Entry: 4, Fact: ledger.TracedSet{Digest: id("train"), Role: "train", Records: 12}}},
		Attempts: []ledger.Cited[ledger.TracedAttempt]{{Entry: 8, Fact: ledger.TracedAttempt{Number: 1, Started: at, Ended: at.Add(time.Minute), Git: ledger.Git{Commit: strings.Repeat("a", 40), Remote: "https://example.invalid/x.git", Dirty: true}, Engine: map[string]string{"daybook": "0.1.0"}}}},
		Epochs:   []ledger.TracedEpoch{{Epoch: 1, TrainLoss: 1.5, Selected: new(0.25), Adapter: id("first")}},
		Measured: []ledger.Cited[ledger.Evaluation]{{Entry: 9, Fact: ledger.Evaluation{Split: "test", Epoch: 2, Metrics: []journal.MetricValue{{Metric: "loss", Value: new(0.1), Num: 1, Den: 10}, {Metric: "f1"}}}}},
	}
	t.Sweep = ledger.Cited[ledger.Sweep]{Entry: 7, Fact: ledger.Sweep{ID: 3, Name: "clinical", Path: "sweep.jsonnet", Time: at, Sources: []ledger.Source{{Path: "sweep.jsonnet", Digest: id("sweep")}}, Data: ledger.Data{
		Digest: id("data"), Sources: []ledger.DataSource{{Path: "notes.jsonl", Digest: id("data"), Records: 48, License: map[string]int{"CC-BY-4.0": 48}, Consent: map[string]int{"broad": 40, "": 8}}},
	}}}
	return t
}

// TestStatement comes back as it went in, the same bytes each time.
func TestStatement(t *testing.T) {
	files := map[string]ledger.Digest{"adapter_model.safetensors": id("weights"), "adapter_config.json": id("config")}
	first, err := Statement(trace(), files)
	check(t, err)
	for range 20 {
		again, err := Statement(trace(), files)
		check(t, err)
		if !bytes.Equal(again, first) {
			t.Fatal("the same trace gave other bytes")
		}
	}
	got, err := Read(first)
	check(t, err)
	want, err := json.Marshal(trace())
	check(t, err)
	have, err := json.Marshal(got)
	check(t, err)
	if diff := cmp.Diff(canonical(t, want), canonical(t, have)); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{`"_type":"https://in-toto.io/Statement/v1"`, `"predicateType":"https://slsa.dev/provenance/v1"`, `"name":"clinical@v7"`, `"gitCommit":"aaaa`, `"startedOn":"2026-03-01T12:00:00.000005Z"`, `"license":{"CC-BY-4.0":48}`} {
		if !strings.Contains(string(first), text) {
			t.Errorf("it lacks %s", text)
		}
	}
	for name, bad := range map[string]string{
		"none": `{}`, "no JSON": `{`,
		"subject":   strings.Replace(string(first), `"name":"clinical@v7"`, `"name":"clinical@v8"`, 1),
		"digest":    strings.Replace(string(first), `{"digest":{"sha256":"`+id("adapter"), `{"digest":{"sha256":"`+id("other"), 1),
		"predicate": strings.Replace(string(first), "provenance/v1", "provenance/v2", 1),
		"build":     strings.Replace(string(first), buildType, "urn:other", 1),
	} {
		if _, err := Read([]byte(bad)); !errors.Is(err, ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func canonical(tb testing.TB, data []byte) string {
	tb.Helper()
	out, err := evidence.Canonicalize(data)
	check(tb, err)
	return string(out)
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	return key
}

func TestEnvelope(t *testing.T) {
	ctx := t.Context()
	key := newKey(t)
	e, err := Sign(ctx, []byte(`{"a":1}`), key)
	check(t, err)
	if got, err := Open(ctx, e, &key.PublicKey); err != nil || string(got) != `{"a":1}` {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := Open(ctx, e, &newKey(t).PublicKey); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	if _, err := Open(ctx, bytes.Replace(e, []byte("in-toto"), []byte("in-tota"), 1), &key.PublicKey); err == nil {
		t.Error("another type of payload is taken")
	}
	public, err := MarshalKey(&key.PublicKey)
	check(t, err)
	if back, err := ParseKey(public); err != nil || !back.Equal(&key.PublicKey) {
		t.Errorf("got %v, %v", back, err)
	}
	for _, bad := range []string{"", "x", string(public) + "x"} {
		if _, err := ParseKey([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// TestBundle holds the envelope, whose key is named beside it alone.
func TestBundle(t *testing.T) {
	key := newKey(t)
	e, err := Sign(t.Context(), []byte(`{"a":"<1>"}`), key)
	check(t, err)
	data, err := Bundle(e, &key.PublicKey)
	check(t, err)
	name, err := keyID(&key.PublicKey)
	check(t, err)
	var b struct {
		MediaType            string
		VerificationMaterial struct{ PublicKey struct{ Hint string } }
		DSSEEnvelope         json.RawMessage
	}
	check(t, json.Unmarshal(data, &b))
	if b.MediaType != "application/vnd.dev.sigstore.bundle.v0.3+json" || b.VerificationMaterial.PublicKey.Hint != name {
		t.Errorf("got %s", data)
	}
	if want := strings.TrimSpace(strings.Replace(string(e), name, "", 1)); string(b.DSSEEnvelope) != want {
		t.Errorf("got %s, want %s", b.DSSEEnvelope, want)
	}
	if got, err := Open(t.Context(), b.DSSEEnvelope, &key.PublicKey); err != nil || string(got) != `{"a":"<1>"}` {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := Bundle([]byte("{"), &key.PublicKey); err == nil {
		t.Error("what is no envelope is taken")
	}
}

// folder writes an adapter's folder whose entry is the last of two in a log, and
// returns it with the log's key.
func provenFolder(tb testing.TB) (dir string, keys []string) {
	tb.Helper()
	dir = tb.TempDir()
	tr := trace()
	statement, err := Statement(tr, map[string]ledger.Digest{"adapter_config.json": id("config")})
	check(tb, err)
	key := newKey(tb)
	envelope, err := Sign(tb.Context(), statement, key)
	check(tb, err)
	public, err := MarshalKey(&key.PublicKey)
	check(tb, err)
	a := tr.Adapter.Fact
	a.Files = map[string]ledger.Digest{EnvelopeFile: id(string(envelope)), KeyFile: id(string(public))}
	body, err := evidence.Canonical(a)
	check(tb, err)
	entries := []evidence.Entry{{Seq: 1, Time: "2026-03-01T12:00:00Z", Type: "origin", Version: 1, Body: []byte(`{}`)}, {Seq: 2, Time: "2026-03-01T12:00:01Z", Type: "adapter", Version: 2, Body: body}}
	root := tlog.NodeHash(entries[0].Hash(), entries[1].Hash())
	var signer note.Signer
	var rotations []byte
	for n := range 3 { // each takes the place of the one before
		private, public, err := note.GenerateKey(rand.Reader, "daybook/1")
		check(tb, err)
		next, err := note.NewSigner(private)
		check(tb, err)
		if n > 0 {
			statement, err := evidence.Rotation{Head: evidence.Head{Origin: "daybook/1", Size: int64(n) + 1, Root: root}, Old: keys[n-1], New: public}.Sign(signer, next)
			check(tb, err)
			body, err := evidence.Canonical(map[string]string{"statement": statement})
			check(tb, err)
			e := evidence.Entry{Seq: int64(n) + 2, Time: "2026-03-01T12:00:02Z", Type: "key", Version: 1, Body: body}
			rotations = append(append(rotations, e.Leaf()...), '\n')
		}
		signer, keys = next, append(keys, public)
	}
	head, err := evidence.Head{Origin: "daybook/1", Size: 2, Root: root}.Sign(signer)
	check(tb, err)
	proof := evidence.Proof{Index: 1, Hashes: tlog.RecordProof{entries[0].Hash()}, Head: head}
	for name, data := range map[string][]byte{EnvelopeFile: envelope, KeyFile: public, EntryFile: entries[1].Leaf(), ProofFile: proof.Text(), KeysFile: rotations} {
		check(tb, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir, keys
}

// TestFolder reads a folder, and refuses it with any byte of any file changed.
func TestFolder(t *testing.T) {
	ctx := t.Context()
	dir, keys := provenFolder(t)
	key := keys[2] // that signed the head
	f, err := ReadFolder(ctx, dir, key)
	check(t, err)
	if f.Trace.Adapter.Entry != 2 || f.Head.Size != 2 || f.Trace.Adapter.Fact.Files[KeyFile] == "" {
		t.Errorf("got %+v", f)
	}
	for _, name := range []string{EntryFile, ProofFile, EnvelopeFile, KeyFile} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		check(t, err)
		for i := 0; i < len(data); i += 1 + len(data)/200 {
			changed := bytes.Clone(data)
			changed[i] ^= 1
			check(t, os.WriteFile(path, changed, 0o600))
			if _, err := ReadFolder(ctx, dir, key); !errors.Is(err, ErrTampered) && !errors.Is(err, ErrOtherKey) {
				t.Fatalf("%s, byte %d: %v", name, i, err)
			}
		}
		check(t, os.Remove(path))
		if _, err := ReadFolder(ctx, dir, key); !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
		check(t, os.WriteFile(path, data, 0o600))
	}
	_, other := provenFolder(t)
	if _, err := ReadFolder(ctx, dir, other[2]); !errors.Is(err, ErrOtherKey) { // of the same name
		t.Errorf("another key: %v", err)
	}
}

// unproved is what an entry of a folder of keys says beside its statement.
var unproved = regexp.MustCompile(`"time":"[^"]*"|"version":[0-9]+`)

// TestFolderReplacedKey reads a folder with the keys that were in force before, and
// refuses any other way from them to the one that signed.
func TestFolderReplacedKey(t *testing.T) {
	ctx := t.Context()
	dir, keys := provenFolder(t)
	for i, want := range [][]int64{{3, 4}, {4}, nil} {
		f, err := ReadFolder(ctx, dir, keys[i])
		check(t, err)
		if !slices.Equal(f.Replaced, want) {
			t.Errorf("key %d was replaced by entries %v, want %v", i, f.Replaced, want)
		}
	}
	path := filepath.Join(dir, KeysFile)
	data, err := os.ReadFile(path)
	check(t, err)
	first, second, _ := bytes.Cut(data, []byte("\n"))
	refused := func(what string, changed []byte, wanted ...error) {
		t.Helper()
		check(t, os.WriteFile(path, changed, 0o600))
		for i, key := range keys[:2] {
			_, err := ReadFolder(ctx, dir, key)
			if !slices.ContainsFunc(wanted, func(want error) bool { return errors.Is(err, want) }) {
				t.Fatalf("%s, key %d: %v", what, i, err)
			}
		}
	}
	refused("without a statement", nil, ErrOtherKey)
	refused("the first alone", append(bytes.Clone(first), '\n'), ErrOtherKey)
	refused("the first twice", slices.Concat(first, []byte("\n"), first, []byte("\n")), ErrTampered, ErrOtherKey)
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 1
		// When an entry was added, and by what version of its form, is not in the statement.
		if bytes.Equal(unproved.ReplaceAll(changed, nil), unproved.ReplaceAll(data, nil)) {
			continue
		}
		refused(fmt.Sprintf("byte %d", i), changed, ErrTampered, ErrOtherKey)
	}

	// The other way round the oldest key leads nowhere.
	check(t, os.WriteFile(path, slices.Concat(second, first, []byte("\n")), 0o600))
	if _, err := ReadFolder(ctx, dir, keys[0]); !errors.Is(err, ErrOtherKey) {
		t.Errorf("the other way round: %v", err)
	}

	// Of others of the same name, who hand over among themselves, none follows from it.
	strangers, _ := provenFolder(t)
	theirs, err := os.ReadFile(filepath.Join(strangers, KeysFile))
	check(t, err)
	refused("statements of others", theirs, ErrOtherKey)
}

func TestBOM(t *testing.T) {
	first, err := BOM(trace())
	check(t, err)
	again, err := BOM(trace())
	check(t, err)
	if !bytes.Equal(first, again) {
		t.Error("the same trace gave other bytes")
	}
	var b cdx.BOM
	check(t, cdx.NewBOMDecoder(bytes.NewReader(first), cdx.BOMFileFormatJSON).Decode(&b))
	m := b.Metadata.Component
	if b.SpecVersion != cdx.SpecVersion1_7 || m.Type != cdx.ComponentTypeMachineLearningModel || (*m.Hashes)[0].Value != id("adapter") || m.Version != "v7" {
		t.Errorf("it is about %+v", m)
	}
	if metrics := *m.ModelCard.QuantitativeAnalysis.PerformanceMetrics; len(metrics) != 1 || metrics[0].Type != "loss" || metrics[0].Value != "0.1" {
		t.Errorf("metrics are %+v", metrics)
	}
	if ref := (*m.ModelCard.ModelParameters.Datasets)[0].Ref; ref != (*b.Components)[1].BOMRef {
		t.Errorf("its data is %q", ref)
	}
	base, data := (*b.Components)[0], (*b.Components)[1]
	if (*base.Licenses)[0].License.Name != "apache-2.0" || (*data.Licenses)[0].License.Name != "CC-BY-4.0" {
		t.Errorf("licences are %+v and %+v", base.Licenses, data.Licenses)
	}
	if !strings.Contains(string(first), `"daybook:consent:broad"`) {
		t.Error("it lacks the consent")
	}
}
