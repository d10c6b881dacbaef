package cuda

import (
	"fmt"
	"math"
)

// workspace is the memory that operations work in beside their operands. They take
// turns with it, as they run in the order in which they are called: what one takes is
// the next one's again. So it is as large as what the hungriest of them takes.
type workspace struct {
	arena    *arena
	taken    map[string]part // by the operation under way
	end      int64           // of what that has taken
	most     int64           // end at most, of any operation
	outgrown []*arena        // where it still has what it took before the arena grew
}

// part is a piece of a workspace.
type part struct {
	ptr   pointer
	bytes int64
}

// boundless returns a workspace for a rehearsal, which never has to grow.
func boundless() workspace { return workspace{arena: &arena{ptr: nowhere, bytes: math.MaxInt64}} }

// begin is the start of an operation, which has taken nothing yet.
func (w *workspace) begin() {
	clear(w.taken)
	w.end, w.outgrown = 0, nil
}

// bytes is what w has of the device.
func (w *workspace) bytes() int64 {
	if w.arena == nil {
		return 0
	}
	return w.arena.bytes
}

// scratch returns at least so many bytes of working memory known by name, with
// unspecified contents, valid until the operation that asked returns.
func (b *Backend) scratch(name string, bytes int64) (pointer, error) {
	w := b.working()
	if p, ok := w.taken[name]; ok && p.bytes >= bytes {
		return p.ptr, nil
	}
	bytes = max(align, roundUp(bytes, align))
	if end := w.end + bytes; end > w.bytes() {
		larger, err := b.allocate(end)
		if err != nil {
			return 0, fmt.Errorf("scratch %s: %w", name, err)
		}
		w.arena, w.outgrown = larger, append(w.outgrown, w.arena)
	}
	p := part{w.arena.ptr + pointer(w.end), bytes}
	if w.taken == nil {
		w.taken = map[string]part{}
	}
	w.taken[name] = p
	w.end += bytes
	w.most = max(w.most, w.end)
	return p.ptr, nil
}

// working is the workspace of the operation under way.
func (b *Backend) working() *workspace {
	if b.rehearsal != nil {
		return &b.rehearsal.workspace
	}
	return &b.workspace
}
