package main

import (
	"archive/zip"
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"daybook/ledger"
	"daybook/ledger/keyring"
)

// TestProofsTwice puts a forged entry before the one that has its number and its proof.
func TestProofsTwice(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	l, err := ledger.Open(ctx, filepath.Join(dir, "ledger.db"), ledger.Options{Keys: &keyring.Ring{Dir: filepath.Join(dir, "keys")}})
	check(t, err)
	defer func() { check(t, l.Close()) }()
	check(t, l.RecordDataset(ctx, ledger.Dataset{Digest: digest("data"), Path: "notes.jsonl", Records: 3, Root: digest("root")}))
	signers, err := l.Signers(ctx)
	check(t, err)
	var out bytes.Buffer
	check(t, l.WriteProofs(ctx, &out, []int64{1, 2}, nil))
	if code, said := verdict(t, out.Bytes(), "-key", signers[0].Key); code != 0 {
		t.Fatalf("as written: code %d\n%s", code, said)
	}
	names, files := unpack(t, out.Bytes())
	lines := strings.SplitAfter(string(files["entries.jsonl"]), "\n")
	files["entries.jsonl"] = []byte(lines[0] + strings.Replace(lines[1], "notes.jsonl", "other.jsonl", 1) + lines[1])
	if code, said := verdict(t, pack(t, names, files), "-key", signers[0].Key); code != 4 {
		t.Errorf("code %d\n%s", code, said)
	}
}

// TestNamesTwice adds a second file of each name: who unpacks the bundle has that one.
func TestNamesTwice(t *testing.T) {
	m := makeBundle(t, nil)
	names, files := unpack(t, m.bundle)
	for _, twice := range names {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range append(names[:len(names):len(names)], twice) {
			w, err := z.Create(name)
			check(t, err)
			_, err = w.Write(files[name])
			check(t, err)
		}
		check(t, z.Close())
		if code, said := verdict(t, b.Bytes(), "-key", m.key); code != 4 {
			t.Errorf("%s twice: code %d\n%s", twice, code, said)
		}
	}
}
