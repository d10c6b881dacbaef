package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"daybook/engine"
	"daybook/engine/nf4"
)

// A weight that bitsandbytes has quantized to NF4 is a tensor of codes and some
// beside it, named after it (bitsandbytes, QuantState.as_dict):
//
//	weight                               U8 (n/2, 1), as engine.NF4.Codes
//	weight.absmax                        U8 (n/64), or F32 without double quantization
//	weight.quant_map                     F32 (16)
//	weight.nested_absmax                 F32 (n/64/256, rounded up)
//	weight.nested_quant_map              F32 (256)
//	weight.quant_state.bitsandbytes__nf4 U8, the JSON of quantState
const (
	absmaxPart       = ".absmax"
	mapPart          = ".quant_map"
	nestedAbsmaxPart = ".nested_absmax"
	nestedMapPart    = ".nested_quant_map"
	statePart        = ".quant_state.bitsandbytes__nf4"
)

// QuantizedError reports a base that is quantized already, and otherwise than asked for.
type QuantizedError struct{ Has Quantization }

func (e *QuantizedError) Error() string {
	return "the base is quantized already, and is read as it is"
}

// Hint says how a sweep has to have it.
func (e *QuantizedError) Hint() string {
	return fmt.Sprintf("set base.quantization to '%s' and base.double_quant to %t, or take a base that is not quantized", e.Has.Kind, e.Has.DoubleQuant)
}

// quantState is what the JSON of a quantized weight says. Other sizes of blocks
// than the engine's are errors.
type quantState struct {
	Type         string   `json:"quant_type"`
	BlockSize    int      `json:"blocksize"`
	DType        string   `json:"dtype"` // of the weight before, which dequantizing rounds to there; not here
	Shape        []int    `json:"shape"`
	NestedSize   int      `json:"nested_blocksize"`
	NestedDType  string   `json:"nested_dtype"`
	NestedOffset *float64 `json:"nested_offset"`
}

func parseQuantState(data []byte, rows, cols int, double bool) (*quantState, error) {
	s := &quantState{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, err
	}
	switch {
	case s.Type != "nf4":
		return nil, fmt.Errorf("quant_type %q: want nf4", s.Type)
	case s.BlockSize != nf4.BlockSize:
		return nil, fmt.Errorf("blocksize %d: want %d", s.BlockSize, nf4.BlockSize)
	case !slices.Equal(s.Shape, []int{rows, cols}):
		return nil, fmt.Errorf("shape %v: want [%d %d]", s.Shape, rows, cols)
	case (s.NestedOffset != nil) != double:
		return nil, fmt.Errorf("nested_offset: double quantization is %t here, config.json says otherwise", s.NestedOffset != nil)
	case double && s.NestedSize != nf4.ScaleGroupSize:
		return nil, fmt.Errorf("nested_blocksize %d: want %d", s.NestedSize, nf4.ScaleGroupSize)
	case double && s.NestedDType != "float32":
		return nil, fmt.Errorf("nested_dtype %q: want float32", s.NestedDType)
	}
	return s, nil
}

// packedParts returns what belongs to a weight of n elements: types and shapes by
// suffix, "" for the codes; a nil shape means any.
func packedParts(n int, double bool) map[string]Info {
	blocks := n / nf4.BlockSize
	parts := map[string]Info{
		"":         {DType: U8, Shape: []int{n / 2, 1}},
		absmaxPart: {DType: F32, Shape: []int{blocks}},
		mapPart:    {DType: F32, Shape: []int{len(nf4.Codes)}},
		statePart:  {DType: U8},
	}
	if double {
		parts[absmaxPart] = Info{DType: U8, Shape: []int{blocks}}
		parts[nestedAbsmaxPart] = Info{DType: F32, Shape: []int{(blocks + nf4.ScaleGroupSize - 1) / nf4.ScaleGroupSize}}
		parts[nestedMapPart] = Info{DType: F32, Shape: []int{len(nf4.DynamicSigned)}}
	}
	return parts
}

// readPacked reads the weight called name, whose parts view returns.
func readPacked(view func(name string) (Tensor, error), name string, rows, cols int, double bool) (*engine.NF4, error) {
	parts := map[string]Tensor{}
	for suffix, want := range packedParts(rows*cols, double) {
		t, err := view(name + suffix)
		if err != nil {
			return nil, err
		}
		if t.DType != want.DType || want.Shape != nil && !slices.Equal(t.Shape, want.Shape) {
			return nil, fmt.Errorf("%s is %s, want %s", suffix, describe(t.DType, t.Shape), describe(want.DType, want.Shape))
		}
		parts[suffix] = t
	}
	state, err := parseQuantState(parts[statePart].Data, rows, cols, double)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", statePart[1:], err)
	}
	if err := sameMap(parts[mapPart], nf4.Codes[:]); err != nil {
		return nil, fmt.Errorf("%s: %w", mapPart[1:], err)
	}
	q := &engine.NF4{Codes: bytes.Clone(parts[""].Data)}
	if !double {
		q.Absmax = floats(parts[absmaxPart])
		return q, checkScales(absmaxPart, q.Absmax)
	}
	if err := sameMap(parts[nestedMapPart], nf4.DynamicSigned[:]); err != nil {
		return nil, fmt.Errorf("%s: %w", nestedMapPart[1:], err)
	}
	q.Scales, q.Scales2, q.Offset = bytes.Clone(parts[absmaxPart].Data), floats(parts[nestedAbsmaxPart]), float32(*state.NestedOffset)
	return q, cmp.Or(checkScales(nestedAbsmaxPart, q.Scales2), checkScales(statePart, []float32{q.Offset}))
}

func floats(t Tensor) []float32 {
	out := make([]float32, t.elements())
	t.decode(out, 0)
	return out
}

func checkScales(part string, scales []float32) error {
	if i := nf4.FirstNonFinite(scales); i >= 0 {
		return fmt.Errorf("%s: %w", part[1:], &ValueError{i, scales[i]})
	}
	return nil
}

func sameMap(t Tensor, want []float32) error {
	for i, v := range floats(t) {
		if math.Float32bits(v) != math.Float32bits(want[i]) {
			return fmt.Errorf("element %d is %g, the map of bitsandbytes has %g", i, v, want[i])
		}
	}
	return nil
}

// packTensors is the inverse of readPacked: it adds the parts of m to tensors.
func packTensors(tensors map[string]Tensor, name string, m engine.Matrix) {
	q := m.NF4
	state := fmt.Sprintf(`{"quant_type": "nf4", "blocksize": %d, "dtype": "float32", "shape": [%d, %d]`, nf4.BlockSize, m.Rows, m.Cols)
	tensors[name] = Tensor{DType: U8, Shape: []int{len(q.Codes), 1}, Data: q.Codes}
	tensors[name+mapPart] = NewF32([]int{len(nf4.Codes)}, nf4.Codes[:])
	if q.Absmax != nil {
		tensors[name+absmaxPart] = NewF32([]int{len(q.Absmax)}, q.Absmax)
	} else {
		tensors[name+absmaxPart] = Tensor{DType: U8, Shape: []int{len(q.Scales)}, Data: q.Scales}
		tensors[name+nestedAbsmaxPart] = NewF32([]int{len(q.Scales2)}, q.Scales2)
		tensors[name+nestedMapPart] = NewF32([]int{len(nf4.DynamicSigned)}, nf4.DynamicSigned[:])
		offset, _ := json.Marshal(float64(q.Offset)) // finite
		state += fmt.Sprintf(`, "nested_blocksize": %d, "nested_dtype": "float32", "nested_offset": %s`, nf4.ScaleGroupSize, offset)
	}
	tensors[name+statePart] = Tensor{DType: U8, Shape: []int{len(state) + 1}, Data: []byte(state + "}")}
}

// scaleBytes returns the scales of q as they are in memory, for a checksum.
func scaleBytes(q *engine.NF4) []byte {
	out := binary.LittleEndian.AppendUint32(slices.Clone(q.Scales), math.Float32bits(q.Offset))
	for _, v := range slices.Concat(q.Scales2, q.Absmax) {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}
