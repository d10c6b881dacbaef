// Package checkpoint reads base models in Hugging Face layout and reads and
// writes LoRA adapters in PEFT layout, both as safetensors.
//
// It trusts nothing it reads: a header that does not describe every byte of its
// file exactly once, a tensor too many, too few or of another shape, and a
// configuration key that would change the maths in a way the engine does not
// have are errors that name the place. Pickle weights are refused.
//
// It computes nothing except the quantization of a base (package nf4), and it
// writes into folders that its callers make durable and put in place.
package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"daybook/engine"
)

var errNoFolder = errors.New("not a folder: a base is a folder with config.json and the weights in safetensors")

// Base is a checked base model on disk. Its weights are read by Load.
type Base struct {
	dir     string
	shape   engine.Shape
	family  string
	types   []TypeCount
	name    string
	license string
	packed  *Quantization    // of the projections; nil if they are not quantized
	formats map[string]DType // of the tensors
	cache   *Cache
	files   []Digested // weights and configuration, then the tokenizer
	digest  [32]byte
}

// Open checks the base in dir, everything but the values of its weights: its
// configuration, the header of each file of weights, the name, shape and type
// of each tensor. It reads all files once to digest them.
//
// A key of config.json that the engine does not have is a *ConfigError, a tensor
// that does not fit a *TensorError; errors wrap ErrPickle, ErrPointer and
// fs.ErrNotExist where that is the reason.
func Open(dir string) (*Base, error) { return OpenCached(dir, nil) }

// OpenCached is Open with a cache, in which digests of unchanged files are looked
// up and Load finds the weights as it quantized them before.
func OpenCached(dir string, cache *Cache) (*Base, error) {
	if fi, err := os.Stat(dir); err == nil && !fi.IsDir() {
		return nil, fmt.Errorf("checkpoint: %s: %w", dir, cmp.Or(refused(dir), errNoFolder))
	}
	path := filepath.Join(dir, configFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) { // what there is instead says more
		if other := noWeights(dir); errors.Is(other, ErrGGUF) || errors.Is(other, ErrPickle) {
			return nil, other
		}
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	b := &Base{dir: dir, cache: cache}
	if b.shape, err = parseShape(data); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	if b.family, err = readArchitecture(data); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	if b.packed, err = parsePacked(data); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	if b.name, err = readName(data); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	w, err := openWeights(dir)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.check(b.shape, b.packed); err != nil {
		return nil, err
	}
	b.types = w.types()
	b.formats = map[string]DType{}
	for name, f := range w.files {
		b.formats[name] = f.Tensors[name].DType
	}
	if b.license, err = readLicense(dir); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return b, b.digestFiles(append([]string{configFile}, w.names...))
}

// digestFiles hashes the named files of the base and its tokenizer, side by side.
func (b *Base) digestFiles(names []string) error {
	if _, err := os.Stat(filepath.Join(b.dir, tokenizerFile)); err == nil {
		names = append(names, tokenizerFile)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w", err)
	}
	b.files = make([]Digested, len(names))
	var g errgroup.Group
	for i, name := range names {
		g.Go(func() (err error) {
			b.files[i], err = b.cache.digest(b.dir, name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	decisive := b.files
	if names[len(names)-1] == tokenizerFile {
		decisive = decisive[:len(names)-1]
	}
	b.digest = digestSet(decisive)
	return nil
}

// Shape returns the shape that config.json describes and the weights have.
func (b *Base) Shape() engine.Shape { return b.shape }

// Architecture returns what config.json calls it, such as "LlamaForCausalLM".
func (b *Base) Architecture() string { return b.family }

// Types returns the element types of the weights' files, the one with the most
// bytes first.
func (b *Base) Types() []TypeCount { return b.types }

// Quantized returns how the projections are quantized already, nil if they are not.
func (b *Base) Quantized() *Quantization { return b.packed }

// Digest identifies the weights and config.json: SHA-256 over a line
// "hash  name\n" for each file, sorted by name, where hash is the file's
// SHA-256 in hexadecimal.
func (b *Base) Digest() [32]byte { return b.digest }

// Files returns config.json, the files of weights and, if there is one,
// tokenizer.json, with their digests.
func (b *Base) Files() []Digested { return b.files }

// Name returns what the base calls itself: _name_or_path of its config.json, ""
// if that doesn't say. It is part of Digest, unlike the folder's name.
func (b *Base) Name() string { return b.name }

// License returns what the model card's front matter says, "" if nothing.
func (b *Base) License() string { return b.license }

// Parameters counts the parameters of a model by part.
type Parameters struct {
	Embedding int64 `json:"embedding"`
	Linear    int64 `json:"linear"` // the projections of all layers, which quantization packs
	Norms     int64 `json:"norms"`
	Biases    int64 `json:"biases"`
	Head      int64 `json:"head"` // 0 if it is the embedding
}

// Total returns the sum of the parts.
func (p Parameters) Total() int64 { return p.Embedding + p.Linear + p.Norms + p.Biases + p.Head }

// Parameters returns the counts of the base.
func (b *Base) Parameters() Parameters { return CountParameters(b.shape) }

// CountParameters returns the counts of a model of shape s.
func CountParameters(s engine.Shape) Parameters {
	p := Parameters{
		Embedding: int64(s.Vocab) * int64(s.Hidden),
		Norms:     int64(2*s.Layers+1) * int64(s.Hidden),
	}
	for proj := range engine.NumProjections {
		rows, cols := proj.Dims(s)
		p.Linear += int64(s.Layers) * int64(rows) * int64(cols)
		if proj.HasBias(s) {
			p.Biases += int64(s.Layers) * int64(rows)
		}
	}
	if s.HeadNorm {
		p.Norms += int64(2*s.Layers) * int64(s.HeadDim)
	}
	if !s.TiedHead {
		p.Head = p.Embedding
	}
	return p
}
