package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/sweeps"
)

// NamedAdapter is an adapter that a person named, and what is known of it.
type NamedAdapter struct {
	Name    string          // such as clinical@v7; of one that the ledger doesn't have, as it was named
	Dir     string          // its folder
	Digest  ledger.Digest   // its identity: of a version by the ledger, else by what is in Dir
	Version *ledger.Adapter // as it was published; nil if the ledger doesn't have it
	About   *Metadata       // what is written beside it; nil if nothing is, as by other tools
	Origin  string          // merged ledger that has the version; "" if it is this one
}

// FindAdapter returns the adapter that a reference names: a folder or a file in one,
// wherever it was made; name@version, after an origin's name and "/" if another machine's
// ledger has it; a digest or the beginning of one; or a folder
// relative to the root. A folder whose adapter the ledger has is that version. l is
// nil where there is no ledger. The error wraps ledger.ErrNotFound if there is none.
func FindAdapter(ctx context.Context, root Root, l *ledger.Ledger, ref string) (*NamedAdapter, error) {
	dir, err := AdapterFolder(ref)
	if err != nil {
		return nil, err
	}
	return findAdapter(ctx, root, l, ref, dir)
}

// findAdapter is FindAdapter for a reference that names the folder dir or, if that
// is "", something that the ledger knows.
func findAdapter(ctx context.Context, root Root, l *ledger.Ledger, ref, dir string) (_ *NamedAdapter, err error) {
	a := &NamedAdapter{Name: ref, Dir: dir}
	switch foreign := root.OriginRef(dir); {
	case dir != "" && foreign != "" && l != nil:
		found, err := originAdapter(ctx, root, l, foreign)
		if found != nil || err != nil {
			return found.described(err)
		}
		return nil, fmt.Errorf("adapter %s: %w", ref, ledger.ErrNotFound)
	case dir != "":
		if a.Version, a.Digest, err = VersionIn(ctx, root, l, dir); err != nil {
			return nil, err
		}
	case l == nil:
		return nil, WithHint(fmt.Errorf("adapter %s: no such folder, and there is no ledger in %s: %w", ref, root.Dir, ledger.ErrNotFound), "--root names the folder of a ledger")
	default:
		version, err := l.Adapter(ctx, ref)
		if errors.Is(err, ledger.ErrNotFound) {
			foreign, err := originAdapter(ctx, root, l, ref)
			if foreign != nil || err != nil {
				return foreign.described(err)
			}
		}
		if err != nil {
			return nil, WithHint(err, "'daybook adapters' lists the versions; an adapter made elsewhere is named by its folder")
		}
		a.Dir, a.Version = root.Abs(version.Path), &version
	}
	if a.Version != nil {
		a.Name, a.Digest = a.Version.Name(), a.Version.Digest
	}
	a.About, err = ReadMetadata(a.Dir)
	if errors.Is(err, fs.ErrNotExist) && a.Version != nil { // a copy of the weights alone
		a.About, err = ReadMetadata(root.Abs(a.Version.Path))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("adapter %s: %w", a.Name, err)
	}
	return a, nil
}

// described reads what is written beside an adapter of another machine.
func (a *NamedAdapter) described(err error) (*NamedAdapter, error) {
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(a.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, WithHint(fmt.Errorf("adapter %s: it was not there when its ledger was merged: %w", a.Name, ledger.ErrNotFound), "merge that again from where its folder is")
	}
	if a.About, err = ReadMetadata(a.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("adapter %s: %w", a.Name, err)
	}
	return a, nil
}

// VersionIn returns the version that is in a folder: the one published there,
// whatever is there now, else the oldest of the same adapter. It is nil if the ledger
// has neither. digest is of what is there.
func VersionIn(ctx context.Context, root Root, l *ledger.Ledger, dir string) (version *ledger.Adapter, digest ledger.Digest, err error) {
	if digest, err = AdapterIn(dir); err != nil || l == nil {
		return nil, digest, err
	}
	found, err := l.Adapters(ctx, ledger.AdapterFilter{Path: root.Rel(dir)})
	if err != nil {
		return nil, digest, err
	}
	if len(found) > 0 {
		return &found[0], digest, nil
	}
	a, err := l.Adapter(ctx, digest)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, digest, nil
	}
	return &a, digest, err
}

// AdapterFolder returns the folder of an adapter that a path names: the folder
// itself, or one of its files. It returns "" if there is nothing there.
func AdapterFolder(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	dir := path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	if _, err := os.Stat(filepath.Join(dir, adapterFiles[0])); err != nil {
		if _, pickled := os.Stat(filepath.Join(dir, pickledAdapter)); pickled == nil {
			return "", WithHint(fmt.Errorf("%s: %w", filepath.Join(dir, pickledAdapter), checkpoint.ErrPickle), "load it with PEFT and save it with save_pretrained, which writes safetensors")
		}
		return "", WithHint(fmt.Errorf("%s: no adapter is there: %w", path, err), "an adapter's folder holds "+strings.Join(adapterFiles, " and "))
	}
	return filepath.Abs(dir)
}

// pickledAdapter is what PEFT wrote in place of safetensors once.
const pickledAdapter = "adapter_model.bin"

// AdapterIn returns the identity of the adapter in a folder.
func AdapterIn(dir string) (ledger.Digest, error) {
	d, err := checkpoint.AdapterDigest(dir)
	if err != nil {
		err = WithHint(err, adapterAdvice(err))
	}
	return hexDigest(d), err
}

// Quantizations are the names of how a base may be held, as metadata has them.
var Quantizations = []string{"nf4-double", "nf4", "none"}

// Quantized sets how a base is held to what a name of Quantizations says.
func Quantized(b *sweeps.Base, name string) {
	b.Quantization = strings.TrimSuffix(name, "-double")
	b.DoubleQuant = b.Quantization != name
}

// QuantizationName is what metadata calls q.
func QuantizationName(q checkpoint.Quantization) string {
	return quantization(sweeps.Base{Quantization: q.Kind, DoubleQuant: q.DoubleQuant})
}
