package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"daybook/engine"
	"daybook/engine/nf4"
)

// group is how many rows' codes lie together; see matrix in kernels.h.
const group = 16

// placeNF4 regroups the codes of m for the kernels. Missing rows of the last
// group get scale zero there, whatever their codes.
func (b *Backend) placeNF4(m engine.Matrix) (*weight, error) {
	q := m.NF4
	pairs, codes := (m.Cols+1)/2, codeBytes(m)
	// Floats first, so that they are aligned.
	floats := len(q.Absmax) + len(q.Scales2)
	w, err := b.place(m, int64(floats)*4+int64(codes)+int64(len(q.Scales)))
	if err != nil {
		return nil, err
	}
	base := unsafe.Pointer(address(w.arena.data))
	copy(w.arena.data, q.Absmax)
	copy(w.arena.data[len(q.Absmax):], q.Scales2)
	packed := unsafe.Slice((*byte)(unsafe.Add(base, floats*4)), codes+len(q.Scales))
	copy(packed[codes:], q.Scales)
	for r := range m.Rows {
		for c := range m.Cols {
			i := r*m.Cols + c
			code := q.Codes[i/2] >> 4
			if i%2 == 1 {
				code = q.Codes[i/2] & 15
			}
			packed[(r/group*pairs+c/2)*group+r%group] |= code << (4 * (c % 2))
		}
	}

	t := &w.matrix
	t.format = C.FORMAT_NF4
	t.codes = (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(packed)))
	if q.Absmax != nil {
		t.absmax = (*C.float)(base)
	} else {
		t.scales = (*C.uint8_t)(unsafe.Pointer(&packed[codes]))
		t.scales2 = (*C.float)(unsafe.Add(base, 4*len(q.Absmax)))
		t.offset = C.float(q.Offset)
	}
	t._map, t.value = b.jobs.dynamicMap, b.jobs.codes
	t.segment = C.int64_t(gcd(m.Cols, nf4.BlockSize))
	return w, nil
}

// codeBytes is what the codes of m take, regrouped.
func codeBytes(m engine.Matrix) int {
	return (m.Rows + group - 1) / group * ((m.Cols + 1) / 2) * group
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
