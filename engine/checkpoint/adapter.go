package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"daybook/engine"
	"daybook/engine/nf4"
)

// Files of an adapter in PEFT layout.
const (
	adapterWeights = "adapter_model.safetensors"
	adapterFile    = "adapter_config.json"
)

// AdapterInfo says which base an adapter belongs to.
type AdapterInfo struct {
	BaseModel string // base_model_name_or_path
	Revision  string // "" is written as null
}

// WriteAdapter writes adapter_model.safetensors, in float32, and
// adapter_config.json into the existing folder dir and syncs them. Equal
// adapters give equal bytes. The caller puts the folder in place.
func WriteAdapter(dir string, a *engine.HostAdapter, info AdapterInfo) error {
	c := Contents{Metadata: map[string]string{"format": "pt"}, Tensors: map[string]Tensor{}}
	r := a.LoRA.Rank
	if r < 1 {
		return fmt.Errorf("checkpoint: %s: adapter of rank %d", dir, r)
	}
	for i, layer := range a.Layers {
		for p := range engine.NumProjections {
			x, y := layer.A[p], layer.B[p]
			if target := slices.Contains(a.LoRA.Targets, p); target != (x != nil) || target != (y != nil) || len(x)%r != 0 || len(y)%r != 0 {
				return fmt.Errorf("checkpoint: %s: adapter of layer %d, %s: %d and %d values do not fit rank %d and targets %v",
					dir, i, p, len(x), len(y), r, a.LoRA.Targets)
			}
			if x == nil {
				continue
			}
			c.Tensors[engine.ParameterName(i, p, "A")] = NewF32([]int{r, len(x) / r}, x)
			c.Tensors[engine.ParameterName(i, p, "B")] = NewF32([]int{len(y) / r, r}, y)
		}
	}
	config, err := marshalAdapterConfig(a.LoRA, info)
	if err != nil {
		return fmt.Errorf("checkpoint: %s: %w", dir, err)
	}
	if err := WriteFile(filepath.Join(dir, adapterWeights), c); err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, adapterFile), config)
}

func writeSynced(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return nil
}

// ReadAdapter reads an adapter in PEFT layout for a base of shape s; weights in
// F16 or BF16 become float32. A tensor that no module of the base has, a module
// without its tensors, a tensor of another shape (each a *TensorError), a value
// that is not finite, and a key of adapter_config.json that asks for anything
// but LoRA of one rank on the seven projections (a *ConfigError) are errors.
func ReadAdapter(dir string, s engine.Shape) (*engine.HostAdapter, error) {
	l, _, err := ReadAdapterConfig(dir, s)
	if err != nil {
		return nil, err
	}
	c, err := ReadFile(filepath.Join(dir, adapterWeights))
	if err != nil {
		if _, e := os.Stat(filepath.Join(dir, "adapter_model.bin")); e == nil && errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("checkpoint: %s: %w", filepath.Join(dir, "adapter_model.bin"), ErrPickle)
		}
		return nil, err
	}
	a, err := assembleAdapter(c, l, s)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", filepath.Join(dir, adapterWeights), err)
	}
	return a, nil
}

// ReadAdapterConfig reads adapter_config.json of dir for a base of shape s.
func ReadAdapterConfig(dir string, s engine.Shape) (engine.LoRA, AdapterInfo, error) {
	path := filepath.Join(dir, adapterFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return engine.LoRA{}, AdapterInfo{}, fmt.Errorf("checkpoint: %w", err)
	}
	a, err := parseAdapterConfig(data)
	if err != nil {
		return engine.LoRA{}, AdapterInfo{}, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	l, err := a.resolve(s)
	if err != nil {
		return engine.LoRA{}, AdapterInfo{}, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return l, a.info, nil
}

func assembleAdapter(c Contents, l engine.LoRA, s engine.Shape) (*engine.HostAdapter, error) {
	a := &engine.HostAdapter{LoRA: l, Layers: make([]engine.HostAdapterLayer, s.Layers)}
	used := 0
	take := func(name string, shape []int) ([]float32, error) {
		t, ok := c.Tensors[name]
		if !ok {
			return nil, &TensorError{Tensor: name, Want: describe("", shape)}
		}
		if !slices.Equal(t.Shape, shape) {
			return nil, &TensorError{Tensor: name, Got: describe(t.DType, t.Shape), Want: describe("", shape)}
		}
		used++
		values, err := t.Float32()
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if i := nf4.FirstNonFinite(values); i >= 0 {
			return nil, fmt.Errorf("tensor %q: %w", name, &ValueError{i, values[i]})
		}
		return values, nil
	}
	for i := range a.Layers {
		for _, p := range l.Targets {
			rows, cols := p.Dims(s)
			var err error
			if a.Layers[i].A[p], err = take(engine.ParameterName(i, p, "A"), []int{l.Rank, cols}); err != nil {
				return nil, err
			}
			if a.Layers[i].B[p], err = take(engine.ParameterName(i, p, "B"), []int{rows, l.Rank}); err != nil {
				return nil, err
			}
		}
	}
	if used == len(c.Tensors) {
		return a, nil
	}
	return nil, unexpectedTensor(c, l, s)
}

// unexpectedTensor names the first tensor that l does not call for.
func unexpectedTensor(c Contents, l engine.LoRA, s engine.Shape) error {
	want := map[string]bool{}
	for i := range s.Layers {
		for _, p := range l.Targets {
			want[engine.ParameterName(i, p, "A")] = true
			want[engine.ParameterName(i, p, "B")] = true
		}
	}
	for _, name := range sortedKeys(c.Tensors) {
		if !want[name] {
			t := c.Tensors[name]
			return &TensorError{Tensor: name, Got: describe(t.DType, t.Shape) + ", which no adapted module has"}
		}
	}
	return nil
}

// AdapterDigest identifies an adapter: SHA-256 over a line "hash  name\n" each
// for adapter_config.json and adapter_model.safetensors, where hash is the
// file's SHA-256 in hexadecimal, which is what sha256sum prints for the two.
func AdapterDigest(dir string) ([32]byte, error) {
	var files []Digested
	for _, name := range []string{adapterFile, adapterWeights} {
		d, err := digestFile(dir, name)
		if err != nil {
			return [32]byte{}, fmt.Errorf("checkpoint: %w", err)
		}
		files = append(files, d)
	}
	return digestSet(files), nil
}
