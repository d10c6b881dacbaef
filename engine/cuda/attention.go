package cuda

import (
	"cmp"
	"fmt"
	"math"

	"daybook/engine"
)

// attention is the kernels that the attention of a shape runs on. All three
// passes are named after op: op_forward, op_backward_q, op_backward_kv.
type attention struct {
	op      string
	variant string // of a kernel's name: the head size it was compiled for and whether for a window; or none
	rows    int    // of the tiles that a batch is cut into; 0 without tiles
	threads int    // of a block
	grouped bool   // blocks find their tile among those of some heads at once
	// Bytes of shared memory of a block.
	forward, backwardQ, backwardKV int
}

// The barriers of the wgmma kernels take so many bytes of shared memory.
const attentionBarriers = 72

// attention picks the kernels: Hopper's matrix units for the head sizes that
// matter most there, the older ones for what fills them, and simple ones else.
func (b *Backend) attention() attention {
	d := b.shape.HeadDim
	switch {
	case b.bf16 && b.arch == "sm_90a" && (d == 64 || d == 128):
		tile := 128 * d * b.size
		return attention{
			op: "attention_wgmma", variant: b.attentionVariant(d), rows: 128, threads: 384, grouped: true,
			forward:    5*tile + attentionBarriers,
			backwardQ:  6*tile + attentionBarriers,
			backwardKV: 4*tile + attentionBarriers,
		}
	case b.bf16 && d%16 == 0 && d <= 128:
		for _, compiled := range []int{16, 32, 64, 96, 128} {
			if d <= compiled {
				row := (compiled + 8) * b.size
				return attention{
					op: "attention_mma", variant: b.attentionVariant(compiled), rows: 64, threads: 128,
					forward: 2 * 64 * row, backwardQ: 4 * 64 * row, backwardKV: (2*64 + 4*32) * row,
				}
			}
		}
	}
	return attention{op: "attention", threads: 128}
}

// attentionVariant is the variant of a tiled kernel compiled for a head size.
func (b *Backend) attentionVariant(dim int) string {
	if b.shape.Window == 0 {
		return fmt.Sprintf("_%d", dim)
	}
	return fmt.Sprintf("_%d_window", dim)
}

// attentionHeads is how many heads' tiles run at once where blocks find theirs:
// enough to have the longest of them begin first, and so few that what they read
// stays in the L2 cache. It changes no bit.
const attentionHeads = 4

// maxSimpleHead is the largest head size of the simple kernels.
const maxSimpleHead = 256

// statsBytes is the size of what the backward pass keeps of a row of the softmax.
const statsBytes = 8

// heads is the operands that the passes of attention share.
type heads struct {
	attention
	batch   *batch
	q, k, v matrix // (T, QDim), (T, KVDim), (T, KVDim)
	o       matrix // (T, QDim)
	lse     pointer
}

// heads checks what in and act hold.
func (b *Backend) heads(in engine.DeviceBatch, act *engine.Activations) (*heads, error) {
	d, err := b.loaded(in)
	if err != nil {
		return nil, err
	}
	if b.shape.HeadDim > maxSimpleHead {
		return nil, fmt.Errorf("head size %d: at most %d", b.shape.HeadDim, maxSimpleHead)
	}
	s, t := b.shape, d.tokens
	var o operands
	h := &heads{
		attention: b.attention(), batch: d,
		q: o.matrix("q", act.Q, t, s.QDim()), k: o.matrix("k", act.K, t, s.KVDim()), v: o.matrix("v", act.V, t, s.KVDim()),
		o: o.matrix("o", act.O, t, s.QDim()), lse: o.vector("lse", act.LSE, t*s.Heads),
	}
	return h, o.err
}

// launchHeads launches a pass over so many heads. Its tiles are at an address in
// the batch; kernels without tiles take four tokens a block.
func (b *Backend) launchHeads(h *heads, pass string, heads, shared int, tiles pointer, args ...any) error {
	f, err := b.fn(h.op, h.op+pass+h.variant)
	if err != nil {
		return err
	}
	var grid [3]int
	switch {
	case h.grouped:
		grid = [3]int{h.batch.tileCount * heads, 1, 1}
		args = append(args, tiles, h.batch.tileCount, min(heads, attentionHeads))
	case h.rows != 0:
		grid = [3]int{h.batch.tileCount, heads, 1}
		args = append(args, tiles)
	default:
		grid = [3]int{(h.batch.tokens + 3) / 4, heads, 1}
		args = append(args, h.batch.owner, h.batch.starts)
	}
	args = append(args, b.shape.Heads, b.shape.KVHeads, b.shape.HeadDim, h.batch.tokens, b.attentionWindow(), b.attentionScale())
	return b.launch(f, grid, h.threads, shared, args...)
}

func (b *Backend) attentionScale() float32 { return float32(1 / math.Sqrt(float64(b.shape.HeadDim))) }

// noWindow is longer than any document.
const noWindow = 1 << 30

// attentionWindow is how many tokens a query sees, its own included.
func (b *Backend) attentionWindow() int { return cmp.Or(b.shape.Window, noWindow) }

// Attention implements engine.Backend.
func (b *Backend) Attention(in engine.DeviceBatch, act *engine.Activations) error {
	return b.run("attention", func() error {
		h, err := b.heads(in, act)
		if err != nil {
			return err
		}
		return b.launchHeads(h, "_forward", b.shape.Heads, h.forward, h.batch.byKeys, h.o, h.lse, h.q, h.k, h.v)
	})
}

// AttentionBackward implements engine.Backend.
func (b *Backend) AttentionBackward(in engine.DeviceBatch, act *engine.Activations, g *engine.Gradients) error {
	return b.run("attention backward", func() error {
		h, err := b.heads(in, act)
		if err != nil {
			return err
		}
		s, t := b.shape, h.batch.tokens
		var o operands
		do, dq := o.matrix("gradient of o", g.O, t, s.QDim()), o.matrix("gradient of q", g.Q, t, s.QDim())
		dk, dv := o.matrix("gradient of k", g.K, t, s.KVDim()), o.matrix("gradient of v", g.V, t, s.KVDim())
		if o.err != nil {
			return o.err
		}
		stats, err := b.scratch("attention stats", statsBytes*int64(s.Heads)*int64(h.batch.maxTokens))
		if err != nil {
			return err
		}
		f, err := b.fn("attention", "attention_stats")
		if err != nil {
			return err
		}
		unit := float32(1)
		if h.rows != 0 {
			unit = math.Log2E // the matrix kernels work with powers of two
		}
		// Half a warp for each row of the softmax.
		if err := b.launch(f, [3]int{(t*s.Heads + 7) / 8, 1, 1}, 128, 0, stats, h.o, do, h.lse, s.Heads, s.HeadDim, t, unit); err != nil {
			return err
		}
		if err := b.launchHeads(h, "_backward_q", s.Heads, h.backwardQ, h.batch.byKeys, dq, h.q, h.k, h.v, do, stats); err != nil {
			return err
		}
		return b.launchHeads(h, "_backward_kv", s.KVHeads, h.backwardKV, h.batch.byQueries, dk, dv, h.q, h.k, h.v, do, stats)
	})
}
