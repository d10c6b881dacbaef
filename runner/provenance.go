package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"daybook/ledger/folder"

	"daybook/ledger"
	"daybook/ledger/attest"
	"daybook/ledger/store"
)

// record makes the adapter in dir, which holds its weights and metadata, a fact,
// and leaves the proof in dir. The order is that nothing is circular and nothing is
// lost: what is beside the weights goes into the store, its digests into the entry,
// the entry under a signed head, and the proof of that into the folder. A crash
// after the entry is repaired by the next call for the same version, which takes the
// files that the entry names from the store.
func (e *execution) record(ctx context.Context, dir string, a ledger.Adapter) error {
	known, err := e.Ledger.Adapters(ctx, ledger.AdapterFilter{Sweep: a.Sweep, Version: a.Version})
	if err != nil {
		return err
	}
	if len(known) == 0 {
		if a.Files, err = e.attest(ctx, dir, a); err != nil {
			return err
		}
		if err := e.Ledger.RecordAdapter(ctx, a); err != nil {
			return err
		}
		// Another process may have been faster, with a time and signature of its own.
		if known, err = e.Ledger.Adapters(ctx, ledger.AdapterFilter{Sweep: a.Sweep, Version: a.Version}); err != nil {
			return err
		}
	}
	if len(known) != 1 {
		return fmt.Errorf("%s: %w", a.Name(), ledger.ErrNotFound)
	}
	if err := restore(dir, known[0], e.Store); err != nil {
		return err
	}
	return attest.WriteProof(ctx, e.Ledger, dir, known[0].Entry)
}

// attest writes the adapter's provenance and ML-BOM into dir, keeps copies of them, of
// the metadata and of the model card in the store, and returns their digests.
func (e *execution) attest(ctx context.Context, dir string, a ledger.Adapter) (map[string]ledger.Digest, error) {
	trace, err := e.Ledger.Trace(ctx, a)
	if err != nil {
		return nil, err
	}
	weights := map[string]ledger.Digest{}
	for _, name := range adapterFiles {
		if weights[name], err = digestFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	statement, err := attest.Statement(trace, weights)
	if err != nil {
		return nil, err
	}
	bom, err := attest.BOM(trace)
	if err != nil {
		return nil, err
	}
	key, err := e.Ledger.Attestation(ctx)
	if err != nil {
		return nil, err
	}
	public, err := attest.MarshalKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	envelope, err := attest.Sign(ctx, statement, key)
	if err != nil {
		return nil, err
	}
	bundle, err := attest.Bundle(envelope, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	metadata, err := os.ReadFile(filepath.Join(dir, metadataFile))
	if err != nil {
		return nil, err
	}
	card, err := os.ReadFile(filepath.Join(dir, cardFile))
	if err != nil {
		return nil, err
	}
	out := map[string]ledger.Digest{}
	for name, data := range map[string][]byte{
		attest.EnvelopeFile: envelope, attest.BundleFile: bundle, attest.KeyFile: public,
		attest.BOMFile: bom, metadataFile: metadata, cardFile: card,
	} {
		if out[name], err = e.Store.Put(ctx, bytes.NewReader(data)); err != nil {
			return nil, err
		}
		if err := folder.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// restore makes the files beside an adapter's weights those that its entry names.
func restore(dir string, a ledger.Adapter, s *store.Store) error {
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		path := filepath.Join(dir, name)
		if got, err := digestFile(path); err == nil && got == a.Files[name] {
			continue
		}
		r, err := s.Open(a.Files[name])
		if err != nil {
			return WithHint(fmt.Errorf("%s: %s: %w", a.Name(), name, err), "restore .daybook/store from a backup: it holds a copy of the file")
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("%s: %s: %w", a.Name(), name, err)
		}
		if err := folder.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// settle puts the folder of a version in its place. If the adapter is there
// already, put by another process or by one that ended before it could record the
// fact, what is beside its weights is replaced.
func settle(temp, final string, adapter ledger.Digest) error {
	err := os.Rename(temp, final)
	if err == nil || !holds(final, adapter) {
		return err
	}
	files, err := os.ReadDir(temp)
	if err != nil {
		return err
	}
	for _, f := range files {
		if slices.Contains(adapterFiles, f.Name()) {
			continue
		}
		if err := os.Rename(filepath.Join(temp, f.Name()), filepath.Join(final, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// stale is the age from which a folder that was never finished is nobody's.
const stale = time.Hour

// sweepUp removes what killed processes left of versions that they were writing.
func sweepUp(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, unfinished+"*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if time.Since(info.ModTime()) > stale { // by the clock that set it
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// unfinished begins the name of a folder that is being written.
const unfinished = ".new-"
