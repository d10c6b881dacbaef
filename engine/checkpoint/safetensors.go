package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// File is an open safetensors file. Its tensors are read one by one; it is safe
// for concurrent use.
type File struct {
	Path     string
	Tensors  map[string]Info
	Metadata map[string]string
	file     *os.File
	data     int64 // offset of the tensors
	size     int64

	once   sync.Once // for mapping
	mapped []byte
	mapErr error
}

// OpenFile reads and checks the header of a safetensors file. It refuses one
// that does not describe every byte of the file exactly once. Errors wrap
// ErrPointer and ErrPickle where that is what the file is.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	s, err := readHeader(f)
	if err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	s.Path, s.file = path, f
	return s, nil
}

func readHeader(f *os.File) (*File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	size := st.Size()
	first := make([]byte, min(size, 8))
	if _, err := io.ReadFull(f, first); err != nil {
		return nil, err
	}
	n, err := headerLength(first, size)
	if err != nil {
		return nil, err
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(f, header); err != nil {
		return nil, err
	}
	s := &File{data: 8 + n, size: size}
	s.Tensors, s.Metadata, err = parseHeader(header, size-8-n)
	return s, err
}

// Read returns the tensor called name.
func (f *File) Read(name string) (Tensor, error) {
	info, ok := f.Tensors[name]
	if !ok {
		return Tensor{}, fmt.Errorf("checkpoint: %s: no tensor %q", f.Path, name)
	}
	data := make([]byte, info.End-info.Start)
	if _, err := f.file.ReadAt(data, f.data+info.Start); err != nil {
		return Tensor{}, fmt.Errorf("checkpoint: %s: tensor %q: %w", f.Path, name, err)
	}
	return Tensor{DType: info.DType, Shape: info.Shape, Data: data}, nil
}

// Close closes the file.
func (f *File) Close() error { return errors.Join(unmapFile(f.mapped), f.file.Close()) }

// Contents is a whole safetensors file in memory.
type Contents struct {
	Tensors  map[string]Tensor
	Metadata map[string]string
}

// ReadFile reads a whole safetensors file, checked as OpenFile does.
func ReadFile(path string) (Contents, error) {
	f, err := OpenFile(path)
	if err != nil {
		return Contents{}, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	c := Contents{Metadata: f.Metadata, Tensors: make(map[string]Tensor, len(f.Tensors))}
	for name := range f.Tensors {
		if c.Tensors[name], err = f.Read(name); err != nil {
			return Contents{}, err
		}
	}
	return c, nil
}

// WriteFile writes c as a safetensors file and syncs it. Equal contents give
// equal bytes: tensors are laid out by element size, largest first, then name,
// as the safetensors library does, and the header is padded to 8 bytes.
func WriteFile(path string, c Contents) error {
	tensors := make(map[string]Info, len(c.Tensors))
	for name, t := range c.Tensors {
		if err := t.check(); err != nil {
			return fmt.Errorf("checkpoint: %s: tensor %q: %w", path, name, err)
		}
		tensors[name] = Info{DType: t.DType, Shape: t.Shape}
	}
	return writeFile(path, c.Metadata, tensors, func(w io.Writer, name string) error {
		_, err := w.Write(c.Tensors[name].Data)
		return err
	})
}

// writeFile is WriteFile for tensors of which only type and shape are known yet: in
// the order of the file, write is asked for the bytes of each.
func writeFile(path string, metadata map[string]string, tensors map[string]Info, write func(w io.Writer, name string) error) error {
	header, names, err := marshalHeader(metadata, tensors)
	if err != nil {
		return fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = binary.Write(w, binary.LittleEndian, uint64(len(header)))
	if err == nil {
		_, err = w.Write(header)
	}
	for _, name := range names {
		if err == nil {
			err = write(w, name)
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return nil
}

// marshalHeader returns the padded JSON and the order of the tensors, whose offsets
// it computes.
func marshalHeader(metadata map[string]string, tensors map[string]Info) ([]byte, []string, error) {
	names := make([]string, 0, len(tensors))
	for name := range tensors {
		if name == "__metadata__" {
			return nil, nil, errors.New("a tensor cannot be called __metadata__")
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if x, y := dtypeSize[tensors[a].DType], dtypeSize[tensors[b].DType]; x != y {
			return y - x
		}
		return strings.Compare(a, b)
	})
	members := make([]string, 0, len(names)+1)
	add := func(name string, value any) error {
		k, err := json.Marshal(name)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		members = append(members, string(k)+":"+string(v))
		return err
	}
	if len(metadata) > 0 {
		if err := add("__metadata__", metadata); err != nil {
			return nil, nil, err
		}
	}
	at := int64(0)
	for _, name := range names {
		t := tensors[name]
		end := at + t.bytes()
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		err := add(name, struct {
			DType   DType    `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{t.DType, shape, [2]int64{at, end}})
		if err != nil {
			return nil, nil, err
		}
		at = end
	}
	header := "{" + strings.Join(members, ",") + "}"
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	return []byte(header), names, nil
}
