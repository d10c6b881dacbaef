package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"daybook/ledger/folder"

	"daybook/ledger"
	"daybook/ledger/attest"
	"daybook/ledger/store"
	"daybook/reports/audit"
	"daybook/runner"
)

// writeAuditBundle writes what somebody without the ledger needs in order to check an
// audit: it, the adapter's provenance, and the entries that both rest on, each with
// the proof that it is in the log of a signed head.
func writeAuditBundle(ctx context.Context, e *env, root runner.Root, l *ledger.Ledger, a *audit.Audit, path string) (err error) {
	seqs, err := l.Entries(ctx, a.Facts)
	if err != nil {
		return err
	}
	seqs = append(seqs, a.Later...)
	slices.Sort(seqs)
	seqs = slices.Compact(seqs)
	signers, err := l.Signers(ctx)
	if err != nil {
		return err
	}
	if len(signers) == 0 || a.Facts.Adapter.Entry == 0 {
		return runner.WithHint(errors.New("--bundle: the adapter is in no signed entry"), "it was published by a build that kept no log")
	}
	files := []ledger.BundledFile{{Name: "keys/ledger.pub", Data: []byte(signers[len(signers)-1].Key + "\n")}}
	for _, f := range []audit.Format{audit.FormatJSON, audit.FormatHTML} {
		var out bytes.Buffer
		if err := audit.Render(&out, a, f); err != nil {
			return err
		}
		files = append(files, ledger.BundledFile{Name: "audit/audit." + string(f), Data: out.Bytes()})
	}
	provenance, err := readProvenance(ctx, store.New(root.Store()), a.Facts.Adapter.Fact)
	if err != nil {
		return runner.WithHint(fmt.Errorf("--bundle: %w", err), "'daybook verify' tells what the store lacks")
	}
	files = append(files, provenance...)
	file, err := folder.Create(path, 0o644)
	if err != nil {
		return fmt.Errorf("--bundle: %w", err)
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	if err := l.WriteProofs(ctx, file, seqs, files); err != nil {
		return err
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("--bundle: %w", err)
	}
	e.say("%s: the audit with %d entries, each proved; 'ledgercheck -key KEY %s' checks it without Daybook", path, len(seqs), filepath.Base(path))
	return nil
}

// readProvenance returns the files beside an adapter's weights, as its entry names
// them, and the statement that is in the envelope.
func readProvenance(ctx context.Context, s *store.Store, a ledger.Adapter) ([]ledger.BundledFile, error) {
	var out []ledger.BundledFile
	byName := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		r, err := s.Open(a.Files[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		byName[name] = data
		out = append(out, ledger.BundledFile{Name: "adapter/" + name, Data: data})
	}
	if byName[attest.EnvelopeFile] == nil { // of an older build
		return out, nil
	}
	key, err := attest.ParseKey(byName[attest.KeyFile])
	if err != nil {
		return nil, err
	}
	statement, err := attest.Open(ctx, byName[attest.EnvelopeFile], key)
	return append(out, ledger.BundledFile{Name: "audit/statement.json", Data: statement}), err
}
