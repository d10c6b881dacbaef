package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// DType is a tensor's element type as safetensors names it.
type DType string

// The element types that weights are read from and written in.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	U8   DType = "U8"
)

// dtypeSize holds the bytes of an element for every type of the format with
// whole bytes; a file may hold them even though weights may not.
var dtypeSize = map[DType]int{
	"BOOL": 1, U8: 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, F16: 2, BF16: 2,
	"U32": 4, "I32": 4, F32: 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}

// Info describes a tensor of a file.
type Info struct {
	DType DType
	Shape []int
	Start int64 // offset of the first byte after the header
	End   int64
}

// bytes returns the size that type and shape give a tensor.
func (t Info) bytes() int64 {
	n := int64(dtypeSize[t.DType])
	for _, d := range t.Shape {
		n *= int64(d)
	}
	return n
}

// maxHeader is the limit that the format sets on the header's length.
const maxHeader = 100_000_000

// pointerPrefix begins a Git LFS pointer.
const pointerPrefix = "version https://git-lfs.github.com/spec/"

var (
	// ErrPointer reports a Git LFS pointer where a file's content should be.
	ErrPointer = errors.New("a Git LFS pointer instead of the file; fetch it with git lfs pull")
	// ErrPickle reports weights stored by pickle, which runs code from the file
	// when it is read.
	ErrPickle = errors.New("pickle weights are refused: reading them runs code that the file holds; convert them to safetensors")
	// ErrGGUF reports weights in llama.cpp's format.
	ErrGGUF = errors.New("GGUF weights are refused: they are quantized in ways that training here does not have; use the safetensors that they were made from")
)

// headerLength reads the first bytes of a file of size bytes, and returns the
// length of the JSON after them.
func headerLength(first []byte, size int64) (int64, error) {
	if len(first) < 8 {
		return 0, fmt.Errorf("truncated: %d bytes, not even the length of a header", size)
	}
	n := binary.LittleEndian.Uint64(first)
	if n > maxHeader {
		switch {
		case strings.HasPrefix(pointerPrefix, string(first)):
			return 0, ErrPointer
		case first[0] == 0x80 && first[1] <= 5, string(first[:4]) == "PK\x03\x04": // plain, or zipped by torch.save
			return 0, ErrPickle
		case string(first[:4]) == "GGUF":
			return 0, ErrGGUF
		}
		return 0, fmt.Errorf("header of %d bytes, the format allows %d: not a safetensors file", n, maxHeader)
	}
	if int64(n) > size-8 {
		return 0, fmt.Errorf("truncated: header of %d bytes in a file of %d", n, size)
	}
	return int64(n), nil
}

// parseHeader reads the JSON of a header whose tensors have size bytes after
// it. Every byte must belong to exactly one tensor.
func parseHeader(data []byte, size int64) (map[string]Info, map[string]string, error) {
	if !utf8.Valid(data) {
		return nil, nil, errors.New("header: not UTF-8")
	}
	tensors := map[string]Info{}
	var metadata map[string]string
	err := eachMember(data, func(name string, value json.RawMessage) error {
		if name == "__metadata__" {
			if metadata != nil {
				return errors.New("header: __metadata__ is there twice")
			}
			metadata = map[string]string{}
			if err := json.Unmarshal(value, &metadata); err != nil {
				return fmt.Errorf("header: __metadata__: %w", err)
			}
			return nil
		}
		if _, ok := tensors[name]; ok {
			return fmt.Errorf("header: tensor %q is there twice", name)
		}
		info, err := parseInfo(value, size)
		if err != nil {
			return fmt.Errorf("header: tensor %q: %w", name, err)
		}
		tensors[name] = info
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return tensors, metadata, checkCoverage(tensors, size)
}

// eachMember calls f for the members of a JSON object in order. Package json
// would silently keep the last of two with one name.
func eachMember(data []byte, f func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	open, err := d.Token()
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if open != json.Delim('{') {
		return errors.New("header: not a JSON object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("header: %w", err)
		}
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("header: key %v is not a text", key)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("header: tensor %q: %w", name, err)
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if len(bytes.TrimSpace(data[d.InputOffset():])) > 0 {
		return errors.New("header: text after the JSON object")
	}
	return nil
}

func parseInfo(data json.RawMessage, size int64) (Info, error) {
	var v struct {
		DType   *DType  `json:"dtype"`
		Shape   []int64 `json:"shape"`
		Offsets []int64 `json:"data_offsets"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return Info{}, err
	}
	if v.DType == nil || v.Shape == nil || len(v.Offsets) != 2 {
		return Info{}, errors.New("needs dtype, shape and two data_offsets")
	}
	width, ok := dtypeSize[*v.DType]
	if !ok {
		return Info{}, fmt.Errorf("unknown dtype %q", *v.DType)
	}
	start, end := v.Offsets[0], v.Offsets[1]
	if start < 0 || end < start || end > size {
		return Info{}, fmt.Errorf("bytes %d to %d of %d: truncated, or the header lies", start, end, size)
	}
	want := uint64(width)
	shape := make([]int, len(v.Shape))
	for i, dim := range v.Shape {
		if dim < 0 || dim > 1<<40 {
			return Info{}, fmt.Errorf("shape %v: dimension out of range", v.Shape)
		}
		hi, lo := bits.Mul64(want, uint64(dim))
		if hi != 0 {
			return Info{}, fmt.Errorf("shape %v: too large", v.Shape)
		}
		want, shape[i] = lo, int(dim)
	}
	if want != uint64(end-start) {
		return Info{}, fmt.Errorf("%s of shape %v takes %d bytes, data_offsets give it %d", *v.DType, v.Shape, want, end-start)
	}
	return Info{DType: *v.DType, Shape: shape, Start: start, End: end}, nil
}

// checkCoverage tells whether tensors lie end to end over size bytes.
func checkCoverage(tensors map[string]Info, size int64) error {
	names := sortedByOffset(tensors)
	at := int64(0)
	for _, name := range names {
		t := tensors[name]
		if t.Start != at {
			return fmt.Errorf("header: tensor %q: starts at byte %d, the one before ends at %d", name, t.Start, at)
		}
		at = t.End
	}
	if at != size {
		return fmt.Errorf("header: tensors end at byte %d of %d", at, size)
	}
	return nil
}

func sortedByOffset(tensors map[string]Info) []string {
	names := make([]string, 0, len(tensors))
	for name := range tensors {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(tensors[a].Start, tensors[b].Start), cmp.Compare(tensors[a].End, tensors[b].End), cmp.Compare(a, b))
	})
	return names
}
