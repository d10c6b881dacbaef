package attest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger"
	"daybook/ledger/evidence"
)

// Names of files in an adapter's folder. The package comment describes them.
const (
	EnvelopeFile = "provenance.intoto.jsonl"
	BundleFile   = "provenance.sigstore.json" // missing in folders of older builds
	KeyFile      = "provenance.pub.pem"
	BOMFile      = "bom.cdx.json"
	EntryFile    = "ledger-entry.json"
	ProofFile    = "ledger-entry.tlog-proof"
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
}

// ReadFolder reads an adapter's provenance, and checks all of it but the weights:
// that the entry is in a log whose head the key has signed, that the files are those
// that the entry names, and that the statement is about the entry's adapter. An
// error satisfies errors.Is(err, fs.ErrNotExist) if the folder has no provenance;
// otherwise it wraps ErrTampered or ErrOtherKey.
func ReadFolder(ctx context.Context, dir string, key note.Verifier) (*Folder, error) {
	file := map[string][]byte{}
	for _, name := range []string{EntryFile, ProofFile, EnvelopeFile, KeyFile} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("provenance: %w", err)
		}
		file[name] = data
	}
	f, err := open(ctx, file, key)
	if errors.Is(err, ErrOtherKey) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return f, nil
}

func open(ctx context.Context, file map[string][]byte, key note.Verifier) (*Folder, error) {
	entry, err := evidence.ParseEntry(file[EntryFile])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EntryFile, err)
	}
	proof, err := evidence.ParseProof(file[ProofFile])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ProofFile, err)
	}
	head, err := proof.Check(entry, key)
	if unverified := (*note.UnverifiedNoteError)(nil); errors.As(err, &unverified) {
		for _, s := range unverified.Note.UnverifiedSigs {
			if s.Name == key.Name() {
				return nil, fmt.Errorf("%s: its head is signed by another key of the same log, %08x: %w", ProofFile, s.Hash, ErrOtherKey)
			}
		}
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
	return &Folder{t, head}, nil
}

func names(files map[string]ledger.Digest) []string { return slices.Sorted(maps.Keys(files)) }
