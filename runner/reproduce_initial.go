package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"daybook/ledger"
	"daybook/sweeps"
)

// initialAdapter finds the adapter that a run of the ledger went on from, by its
// digest, and copies it to where its worker may read: what runs left is hidden from
// a reproduction.
func (r *Reproduction) initialAdapter(ctx context.Context, o ReproduceOptions, at places, ref sweeps.AdapterRef) (*JobAdapter, error) {
	if ref == (sweeps.AdapterRef{}) {
		return nil, nil
	}
	dir, err := keptAdapter(ctx, o.Root, o.Ledger, ledger.Run{Adapter: ref.Digest})
	if err != nil {
		found, _, lost := at.find("train.lora.init", ref.Ref, "--root")
		if lost != nil || !holds(found, ref.Digest) {
			return nil, WithHint(fmt.Errorf("train.lora.init: adapter %.12s, which the run went on from as %s, is not here", ref.Digest, ref.Ref), "put its folder where it was")
		}
		dir = found
	}
	copied := filepath.Join(r.scratch.Dir, "initial")
	if err := os.MkdirAll(copied, 0o700); err != nil {
		return nil, fmt.Errorf("train.lora.init: %w", err)
	}
	for _, name := range adapterFiles {
		if _, err := copyFile(filepath.Join(copied, name), filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("train.lora.init: %w", err)
		}
	}
	return &JobAdapter{Path: r.scratch.Reach(copied), Digest: ref.Digest}, nil
}
