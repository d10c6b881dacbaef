package cuda

import (
	"cmp"
	"slices"
	"unsafe"
)

// tile is consecutive rows of one document that one block of an attention
// kernel takes, beginning at a multiple of the tile's rows from the document's
// start. The same four numbers are struct tile in attention.cuh.
type tile struct {
	first      int32 // token of the first row
	start, end int32 // tokens of the document, end exclusive
	_          int32
}

const tileBytes = 16

// maxTiles is how many tiles of so many rows any batch has at most; none if
// there are no tiles.
func maxTiles(tokens, documents, rows int) int {
	if rows == 0 {
		return 0
	}
	return tokens/rows + documents
}

// tilesIn returns memory as tiles.
func tilesIn(memory []int32) []tile {
	return unsafe.Slice((*tile)(unsafe.Pointer(unsafe.SliceData(memory))), len(memory)*4/tileBytes)
}

// cut cuts the documents that starts bounds into tiles and returns how many
// there are. Both lists hold all of them, those with the most work first, so
// that no block starts late that takes long: byKeys by how many keys the tile's
// last row sees, byQueries by how many queries see the tile's first row.
func cut(byKeys, byQueries []tile, starts []int32, rows int) int {
	n := 0
	for d, start := range starts[:len(starts)-1] {
		for first := start; first < starts[d+1]; first += int32(rows) {
			byKeys[n] = tile{first: first, start: start, end: starts[d+1]}
			n++
		}
	}
	copy(byQueries, byKeys[:n])
	slices.SortStableFunc(byKeys[:n], func(a, b tile) int { return cmp.Compare(b.first-b.start, a.first-a.start) })
	slices.SortStableFunc(byQueries[:n], func(a, b tile) int { return cmp.Compare(b.end-b.first, a.end-a.first) })
	return n
}
