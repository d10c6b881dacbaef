package train

import (
	"fmt"
	"maps"
	"slices"

	"daybook/engine"
	"daybook/engine/checkpoint"
)

// writeTensors writes optimizer state as a safetensors file.
func writeTensors(path string, tensors []engine.StateTensor) error {
	c := checkpoint.Contents{Tensors: make(map[string]checkpoint.Tensor, len(tensors))}
	for _, t := range tensors {
		if _, ok := c.Tensors[t.Name]; ok {
			return fmt.Errorf("optimizer: two tensors are called %q", t.Name)
		}
		if t.U8 != nil {
			c.Tensors[t.Name] = checkpoint.Tensor{DType: checkpoint.U8, Shape: []int{len(t.U8)}, Data: t.U8}
			continue
		}
		c.Tensors[t.Name] = checkpoint.NewF32([]int{len(t.F32)}, t.F32)
	}
	return checkpoint.WriteFile(path, c)
}

// readTensors reads what writeTensors wrote, sorted by name.
func readTensors(path string) ([]engine.StateTensor, error) {
	c, err := checkpoint.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := make([]engine.StateTensor, 0, len(c.Tensors))
	for _, name := range slices.Sorted(maps.Keys(c.Tensors)) {
		t, s := c.Tensors[name], engine.StateTensor{Name: name}
		if t.DType == checkpoint.U8 {
			s.U8 = t.Data
		} else if s.F32, err = t.Float32(); err != nil {
			return nil, fmt.Errorf("optimizer: %s: %q: %w", path, name, err)
		}
		out = append(out, s)
	}
	return out, nil
}
