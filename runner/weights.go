package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"daybook/ledger"
	"daybook/ledger/attest"
	"daybook/ledger/store"
)

// WeightsAlone returns the digest of a file that is given without the folder of an
// adapter around it, or that is given as a digest itself; "" if ref is neither.
func WeightsAlone(ref string) (ledger.Digest, error) {
	if digest := strings.TrimPrefix(ref, "sha256:"); isDigest(digest) {
		return digest, nil
	}
	info, err := os.Stat(ref)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, name := range adapterFiles {
		if _, err := os.Stat(filepath.Join(filepath.Dir(ref), name)); errors.Is(err, fs.ErrNotExist) {
			return digestFile(ref)
		}
	}
	return "", nil
}

// VersionOfWeights returns the adapter whose weights have a digest, as the statement
// says that was made when it was published. Two with the same weights differ in their
// configuration: it is the older one. The error wraps ledger.ErrNotFound if there is none.
func VersionOfWeights(ctx context.Context, l *ledger.Ledger, s *store.Store, weights ledger.Digest) (ledger.Adapter, error) {
	all, err := l.Adapters(ctx, ledger.AdapterFilter{})
	if err != nil {
		return ledger.Adapter{}, err
	}
	var found ledger.Adapter
	for _, a := range all {
		files, err := subjects(ctx, s, a)
		if err != nil {
			return ledger.Adapter{}, fmt.Errorf("%s: %w", a.Name(), err)
		}
		if files[adapterFiles[0]] == weights && (found.Entry == 0 || a.Entry < found.Entry) {
			found = a
		}
	}
	if found.Entry == 0 {
		return found, fmt.Errorf("adapter or weights %.12s: %w", weights, ledger.ErrNotFound)
	}
	return found, nil
}

// subjects returns the digests of an adapter's two files by its statement, nothing if
// an older build published it or the store has lost that.
func subjects(ctx context.Context, s *store.Store, a ledger.Adapter) (map[string]ledger.Digest, error) {
	if a.Files[attest.EnvelopeFile] == "" {
		return nil, nil
	}
	envelope, err := readArtifact(s, a.Files[attest.EnvelopeFile])
	key, keyErr := readArtifact(s, a.Files[attest.KeyFile])
	if err = errors.Join(err, keyErr); errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return attest.Subjects(ctx, envelope, key)
}
