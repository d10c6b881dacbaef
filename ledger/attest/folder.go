package attest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/ledger/folder"
)

// Names of files in an adapter's folder. The package comment describes them.
const (
	EnvelopeFile = "provenance.intoto.jsonl"
	BundleFile   = "provenance.sigstore.json" // missing in folders of older builds
	KeyFile      = "provenance.pub.pem"
	BOMFile      = "bom.cdx.json"
	EntryFile    = "ledger-entry.json"
	ProofFile    = "ledger-entry.tlog-proof"
	KeysFile     = "ledger-keys.jsonl" // only if the log's key was ever replaced; missing in folders of older builds
)

// ErrTampered is wrapped by errors about a folder whose files don't belong together.
var ErrTampered = errors.New("it was changed")

// ErrOtherKey is wrapped by errors about a folder that names the log of the key given,
// and was signed by another of its keys, if it is one.
var ErrOtherKey = errors.New("the key given was replaced before, or after, or somebody else uses the log's name")

// Folder is what an adapter's folder proves by itself.
type Folder struct {
	Trace *ledger.Trace // with the adapter as its entry has it
	Head  evidence.Head // of the log that the entry is in
	// Replaced are the entries by which the key given was replaced, by one key after the
	// other, until the one that has signed the head; none if that is the key given.
	Replaced []int64
}

// WriteProof leaves in an adapter's folder what proves that its entry is in the log: the
// entry itself, its place under the newest head and, if the log's key was ever replaced,
// the statements by which each key hands over to the next.
func WriteProof(ctx context.Context, l *ledger.Ledger, dir string, seq int64) error {
	entry, proof, err := l.Prove(ctx, seq)
	if err != nil {
		return err
	}
	rotations, err := l.Rotations(ctx)
	if err != nil {
		return err
	}
	files := map[string][]byte{EntryFile: entry.Leaf(), ProofFile: proof.Text()}
	for _, e := range rotations {
		files[KeysFile] = append(append(files[KeysFile], e.Leaf()...), '\n')
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := folder.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ReadKeys reads what a KeysFile holds.
func ReadKeys(data []byte) (out []evidence.Entry, err error) {
	for line := range bytes.Lines(data) {
		e, err := evidence.ParseEntry(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// ReadFolder reads an adapter's provenance, and checks all of it but the weights:
// that the entry is in a log whose head the key has signed, or one that follows from
// it, that the files are those that the entry names, and that the statement is about
// the entry's adapter. An error satisfies errors.Is(err, fs.ErrNotExist) if the folder
// has no provenance; otherwise it wraps ErrTampered or ErrOtherKey.
func ReadFolder(ctx context.Context, dir, key string) (*Folder, error) {
	file := map[string][]byte{}
	for _, name := range []string{EntryFile, ProofFile, EnvelopeFile, KeyFile} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("provenance: %w", err)
		}
		file[name] = data
	}
	keys, err := os.ReadFile(filepath.Join(dir, KeysFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	file[KeysFile] = keys
	f, err := open(ctx, file, key)
	if errors.Is(err, ErrOtherKey) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return f, nil
}

func open(ctx context.Context, file map[string][]byte, key string) (*Folder, error) {
	entry, err := evidence.ParseEntry(file[EntryFile])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EntryFile, err)
	}
	proof, err := evidence.ParseProof(file[ProofFile])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ProofFile, err)
	}
	rotations, err := ReadKeys(file[KeysFile])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", KeysFile, err)
	}
	later, err := evidence.Follow(key, rotations)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", KeysFile, err)
	}
	head, err := checkProof(proof, entry, key)
	var replaced []int64
	for _, s := range later {
		if !errors.Is(err, ErrOtherKey) {
			break
		}
		replaced = append(replaced, s.Entry)
		head, err = checkProof(proof, entry, s.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ProofFile, err)
	}
	var a ledger.Adapter
	if err := json.Unmarshal(entry.Body, &a); err != nil || entry.Type != "adapter" {
		return nil, fmt.Errorf("%s: entry %d is a %q", EntryFile, entry.Seq, entry.Type)
	}
	for _, name := range []string{EnvelopeFile, KeyFile} {
		if sum := sha256.Sum256(file[name]); hex.EncodeToString(sum[:]) != a.Files[name] {
			return nil, fmt.Errorf("%s: it has digest %x, entry %d says %q", name, sum, entry.Seq, a.Files[name])
		}
	}
	public, err := ParseKey(file[KeyFile])
	if err != nil {
		return nil, err
	}
	payload, err := Open(ctx, file[EnvelopeFile], public)
	if err != nil {
		return nil, err
	}
	t, err := Read(payload)
	if err != nil {
		return nil, err
	}
	if got := t.Adapter.Fact; got.Digest != a.Digest || got.Name() != a.Name() || got.Run != a.Run || got.Epoch != a.Epoch {
		return nil, fmt.Errorf("%s: it is about %s, entry %d about %s", EnvelopeFile, got.Name(), entry.Seq, a.Name())
	}
	a.Entry = entry.Seq
	t.Adapter = ledger.Cited[ledger.Adapter]{Entry: entry.Seq, Fact: a}
	return &Folder{t, head, replaced}, nil
}

// checkProof checks a proof against a key, and tells one that another key of the same log has
// signed.
func checkProof(proof evidence.Proof, entry evidence.Entry, key string) (evidence.Head, error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return evidence.Head{}, err
	}
	head, err := proof.Check(entry, v)
	if unverified := (*note.UnverifiedNoteError)(nil); errors.As(err, &unverified) {
		for _, s := range unverified.Note.UnverifiedSigs {
			if s.Name == v.Name() {
				return head, fmt.Errorf("its head is signed by another key of the same log, %08x: %w", s.Hash, ErrOtherKey)
			}
		}
	}
	return head, err
}

func names(files map[string]ledger.Digest) []string { return slices.Sorted(maps.Keys(files)) }
