package cuda

import (
	"fmt"

	"daybook/engine"
)

// layout is where the buffers of one call lie, in an arena on the device and one
// in host memory; their addresses count from the start of theirs.
type layout struct {
	buffers     []buffer
	bytes, host int64 // of the two arenas
}

// group is buffers laid out as one matrix, each row of one behind its row of the last.
type group struct {
	kind        engine.Kind
	host        bool
	rows, width int
	members     []int // of the specs
}

// layout plans specs: a matrix for every group of buffers that lie beside each
// other, in the order of the first of each.
func (b *Backend) layout(specs []engine.BufferSpec) (*layout, error) {
	l := &layout{buffers: make([]buffer, len(specs))}
	var groups []*group
	of := map[string]*group{}
	for i, s := range specs {
		rows, width := 1, s.Len
		if s.Width > 0 {
			rows, width = s.Len/s.Width, s.Width
		}
		if s.Len < 0 || rows*width != s.Len {
			return nil, fmt.Errorf("%s: %d elements in rows of %d", s.Name, s.Len, s.Width)
		}
		g := of[s.Beside]
		switch {
		case s.Beside == "":
			g = &group{kind: s.Kind, host: s.Host, rows: rows}
			groups = append(groups, g)
		case g == nil:
			return nil, fmt.Errorf("%s: no buffer %s to lie beside", s.Name, s.Beside)
		case g.rows != rows || g.kind != s.Kind || g.host != s.Host:
			return nil, fmt.Errorf("%s: cannot lie beside %s: %d rows, want %d of the same kind in the same memory", s.Name, s.Beside, rows, g.rows)
		}
		size := b.bytes(s.Kind)
		l.buffers[i] = buffer{kind: s.Kind, ptr: pointer(g.width * size), rows: rows, width: width, size: size}
		g.width += width
		g.members = append(g.members, i)
		of[s.Name] = g
	}
	for _, g := range groups {
		stride := g.width
		if g.rows > 1 || specs[g.members[0]].Width > 0 {
			stride = int(roundUp(int64(g.width), rowAlign))
		}
		end := &l.bytes
		if g.host {
			end = &l.host
		}
		for _, i := range g.members {
			l.buffers[i].stride = stride
			l.buffers[i].ptr += pointer(*end)
		}
		*end += roundUp(int64(g.rows)*int64(stride)*int64(b.bytes(g.kind)), align)
	}
	return l, nil
}

// bytes returns the size of an element.
func (b *Backend) bytes(k engine.Kind) int {
	if k == engine.Activation {
		return b.size
	}
	return 4
}
