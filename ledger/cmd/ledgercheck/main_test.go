package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/ledger"
	"daybook/ledger/keyring"
	"daybook/ledger/store"
)

// made is a bundle that Daybook has made, and what somebody knows of its ledger.
type made struct {
	bundle []byte
	key    string // public
	head   []byte // earlier
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func makeBundle(tb testing.TB, change func(ctx context.Context, l *ledger.Ledger)) made {
	tb.Helper()
	ctx := tb.Context()
	dir := tb.TempDir()
	l, err := ledger.Open(ctx, filepath.Join(dir, "ledger.db"), ledger.Options{
		Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }, Keys: &keyring.Ring{Dir: filepath.Join(dir, "keys")},
	})
	check(tb, err)
	defer func() { check(tb, l.Close()) }()
	s := store.New(filepath.Join(dir, "store"))
	digest, err := s.Put(ctx, strings.NewReader("local d = import 'daybook.libsonnet';"))
	check(tb, err)
	record := func(name string) {
		check(tb, l.RecordDataset(ctx, ledger.Dataset{Digest: digest[:60] + name, Path: "<naïve & \u2028>.jsonl", Records: 3, Root: digest}))
	}
	record("0001")
	var m made
	m.head, _, err = l.Head(ctx)
	check(tb, err)
	signers, err := l.Signers(ctx)
	check(tb, err)
	m.key = signers[0].Key
	record("0002")
	_, err = l.Rotate(ctx)
	check(tb, err)
	if change != nil {
		change(ctx, l)
	}
	record("0003")
	var out bytes.Buffer
	check(tb, l.WriteBundle(ctx, &out, ledger.Bundle{Heads: []ledger.KnownHead{{From: "here", Note: m.head}}, Artifacts: []string{digest}, Open: s.Open}))
	m.bundle = out.Bytes()
	return m
}

// unpack returns the files of a bundle by name, with their order.
func unpack(tb testing.TB, bundle []byte) (names []string, files map[string][]byte) {
	tb.Helper()
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	check(tb, err)
	files = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		check(tb, err)
		data, err := io.ReadAll(r)
		check(tb, err)
		names, files[f.Name] = append(names, f.Name), data
	}
	return names, files
}

func pack(tb testing.TB, names []string, files map[string][]byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range names {
		w, err := z.Create(name)
		check(tb, err)
		_, err = w.Write(files[name])
		check(tb, err)
	}
	check(tb, z.Close())
	return out.Bytes()
}

// verdict runs the command on a bundle.
func verdict(tb testing.TB, bundle []byte, args ...string) (code int, out string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "bundle.zip")
	check(tb, os.WriteFile(path, bundle, 0o600))
	var b strings.Builder
	return run(append(args, path), &b, &b), b.String()
}

func write(tb testing.TB, data []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "head")
	check(tb, os.WriteFile(path, data, 0o600))
	return path
}

func TestSound(t *testing.T) {
	m := makeBundle(t, nil)
	code, out := verdict(t, m.bundle, "-key", m.key, "-head", write(t, m.head))
	if code != 0 || !strings.Contains(out, "sound") || !strings.Contains(out, "unproved: the holder of the key could have written entries 3 to 5 at any time") {
		t.Errorf("code %d\n%s", code, out)
	}
	if code, out := verdict(t, m.bundle); code != 0 || !strings.Contains(out, "unproved: whose key that is") || !strings.Contains(out, "entries 1 to 5") {
		t.Errorf("code %d\n%s", code, out)
	}
}

func TestBreak(t *testing.T) {
	m := makeBundle(t, func(ctx context.Context, l *ledger.Ledger) {
		_, err := l.NewOrigin(ctx, "key lost")
		check(t, err)
	})
	if code, out := verdict(t, m.bundle); code != 0 || !strings.Contains(out, "BREAK: entries before 5 are not vouched for by the key from there on: key lost") {
		t.Errorf("code %d\n%s", code, out)
	}
	if code, out := verdict(t, m.bundle, "-key", m.key); code != 4 || !strings.Contains(out, "the log is signed by another") {
		t.Errorf("code %d\n%s", code, out)
	}
}

// TestEveryByte changes each byte of each file of a bundle.
func TestEveryByte(t *testing.T) {
	m := makeBundle(t, nil)
	names, files := unpack(t, m.bundle)
	for name, data := range files {
		for i := range data {
			data[i] ^= 1
			code, out := verdict(t, pack(t, names, files), "-key", m.key)
			data[i] ^= 1
			if code != 4 {
				t.Fatalf("%s, byte %d: code %d\n%s", name, i, code, out)
			}
		}
	}
}

func TestEntriesDroppedDoubledReordered(t *testing.T) {
	m := makeBundle(t, nil)
	names, files := unpack(t, m.bundle)
	whole := files["entries.jsonl"]
	lines := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(lines[len(lines)-1], '\n')
	for i := range lines {
		for name, changed := range map[string][][]byte{
			"dropped":   append(append([][]byte{}, lines[:i]...), lines[i+1:]...),
			"doubled":   append(append(append([][]byte{}, lines[:i+1]...), lines[i]), lines[i+1:]...),
			"cut":       lines[:i],
			"reordered": append(append(append([][]byte{}, lines[:i]...), lines[len(lines)-1]), lines[i:len(lines)-1]...),
		} {
			files["entries.jsonl"] = bytes.Join(changed, nil)
			if bytes.Equal(files["entries.jsonl"], whole) {
				continue
			}
			if code, out := verdict(t, pack(t, names, files)); code != 4 {
				t.Errorf("entry %d %s: code %d\n%s", i+1, name, code, out)
			}
		}
	}
}

// TestOlder holds a bundle against a head that is newer than it.
func TestOlder(t *testing.T) {
	var older, newer []byte
	var key string
	makeBundle(t, func(ctx context.Context, l *ledger.Ledger) {
		var b bytes.Buffer
		check(t, l.WriteBundle(ctx, &b, ledger.Bundle{}))
		older = b.Bytes()
		check(t, l.RecordDataset(ctx, ledger.Dataset{Digest: strings.Repeat("a", 64), Root: strings.Repeat("b", 64)}))
		var err error
		newer, _, err = l.Head(ctx)
		check(t, err)
		signers, err := l.Signers(ctx)
		check(t, err)
		key = signers[len(signers)-1].Key
	})
	if code, out := verdict(t, older, "-key", key); code != 0 {
		t.Errorf("code %d\n%s", code, out)
	}
	if code, out := verdict(t, older, "-head", write(t, newer)); code != 4 {
		t.Errorf("code %d\n%s", code, out)
	}
}

// TestProofs checks a bundle of single entries, and refuses it with anything in it
// changed that an entry vouches for.
func TestProofs(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	l, err := ledger.Open(ctx, filepath.Join(dir, "ledger.db"), ledger.Options{Keys: &keyring.Ring{Dir: filepath.Join(dir, "keys")}})
	check(t, err)
	defer func() { check(t, l.Close()) }()
	beside := []byte("a bill of materials\n")
	a := ledger.Adapter{Digest: digest("adapter"), Run: digest("run"), Epoch: 1, Sweep: "clinical", Version: 1, Path: "adapters/clinical/v0001", Files: map[string]string{"bom.cdx.json": digest(string(beside))}}
	check(t, l.RecordDataset(ctx, ledger.Dataset{Digest: digest("data"), Path: "notes.jsonl", Records: 3, Root: digest("root")}))
	a.Version, err = l.ReserveVersion(ctx, a)
	check(t, err)
	check(t, l.RecordAdapter(ctx, a))
	signers, err := l.Signers(ctx)
	check(t, err)
	files := func(name string, data []byte) []ledger.BundledFile {
		return []ledger.BundledFile{{Name: name, Data: data}, {Name: "audit/audit.html", Data: []byte("<p>")}}
	}
	for _, c := range []struct {
		name  string
		seqs  []int64
		files []ledger.BundledFile
		code  int
		says  string
	}{
		{"sound", []int64{1, 3}, files("adapter/bom.cdx.json", beside), 0, "unproved: audit/audit.html: no entry vouches for it\nartifacts: 1\nsound"},
		{"changed", []int64{1, 3}, files("adapter/bom.cdx.json", []byte("another")), 4, "MISMATCH: adapter/bom.cdx.json: its bytes have digest " + digest("another")},
		{"not named", []int64{1, 3}, files("adapter/more.json", beside), 4, "MISMATCH: adapter/more.json"},
		{"without its entry", []int64{1, 2}, files("adapter/bom.cdx.json", beside), 4, "MISMATCH: there is an audit, and no entry of the adapter"},
		{"without its file", []int64{1, 3}, files("audit/more.json", beside), 4, "MISMATCH: adapter/bom.cdx.json: an entry names it, and it is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			check(t, l.WriteProofs(ctx, &out, c.seqs, c.files))
			path := filepath.Join(t.TempDir(), "bundle.zip")
			check(t, os.WriteFile(path, out.Bytes(), 0o600))
			var said, problems bytes.Buffer
			if code := run([]string{"-key", signers[0].Key, path}, &said, &problems); code != c.code || !strings.Contains(said.String(), c.says) {
				t.Errorf("code %d, want %d and %q\n%s%s", code, c.code, c.says, &said, &problems)
			}
			if code := run([]string{path}, &said, &problems); code == 0 {
				t.Error("it proves something without a key")
			}
		})
	}
	if err := l.WriteProofs(ctx, io.Discard, []int64{4}, nil); err == nil {
		t.Error("an entry that isn't there is proved")
	}
}

// TestProofsAnchored has heads in a bundle of single entries, one of them by a key that
// was replaced, and refuses it with any byte of them or of their proofs changed.
func TestProofsAnchored(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	l, err := ledger.Open(ctx, filepath.Join(dir, "ledger.db"), ledger.Options{Keys: &keyring.Ring{Dir: filepath.Join(dir, "keys")}})
	check(t, err)
	defer func() { check(t, l.Close()) }()
	var heads [][]byte
	anchor := func(name string) {
		check(t, l.RecordDataset(ctx, ledger.Dataset{Digest: digest(name), Path: name, Records: 3, Root: digest("root")}))
		head, _, err := l.Head(ctx)
		check(t, err)
		heads = append(heads, head)
		check(t, l.RecordAnchor(ctx, ledger.Anchor{Kind: ledger.AnchorFile, Place: name, Note: string(head)}))
	}
	anchor("first")
	rotated, err := l.Rotate(ctx)
	check(t, err)
	anchor("second")
	key := rotated.Key
	var out bytes.Buffer
	check(t, l.WriteProofs(ctx, &out, []int64{1, 2, 4, 5}, nil)) // without 3, the first anchor
	code, said := verdict(t, out.Bytes(), "-key", key, "-head", write(t, heads[1]))
	for _, want := range []string{"goes on from: the bundle's anchors/001, 2 entries", "goes on from: the bundle's anchors/002, 5 entries", "unproved: the holder of the key could have written entries 6 to 6 at any time"} {
		if code != 0 || !strings.Contains(said, want) {
			t.Errorf("code %d, want %q\n%s", code, want, said)
		}
	}
	if code, said := verdict(t, out.Bytes(), "-key", key); code != 0 || !strings.Contains(said, "entries 1 to 6") {
		t.Errorf("heads in the bundle count as somebody else's: code %d\n%s", code, said)
	}
	names, files := unpack(t, out.Bytes())
	for name, data := range files {
		if !strings.HasPrefix(name, "anchors/") && !strings.HasPrefix(name, "consistency/") {
			continue
		}
		for i := range data {
			data[i] ^= 1
			code, said := verdict(t, pack(t, names, files), "-key", key)
			data[i] ^= 1
			if code != 4 {
				t.Fatalf("%s, byte %d: code %d\n%s", name, i, code, said)
			}
		}
	}
	delete(files, "consistency/2")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "consistency/2" })
	if code, said := verdict(t, pack(t, names, files), "-key", key); code != 4 {
		t.Errorf("a head without its proof: code %d\n%s", code, said)
	}
}

func digest(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
