package engine

import (
	"math"
	"strings"
	"testing"
)

func TestProjectionNames(t *testing.T) {
	for p := range NumProjections {
		if got, ok := ParseProjection(p.String()); !ok || got != p {
			t.Errorf("ParseProjection(%q) = %v, %v", p, got, ok)
		}
	}
	if _, ok := ParseProjection("lm_head"); ok {
		t.Error("lm_head is a projection")
	}
	if got, want := ParameterName(3, Down, "B"), "base_model.model.model.layers.3.mlp.down_proj.lora_B.weight"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestParameters checks the counts that PEFT prints for all seven projections.
func TestParameters(t *testing.T) {
	var all []Projection
	for p := range NumProjections {
		all = append(all, p)
	}
	llama8 := Shape{Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336}
	llama70 := Shape{Hidden: 8192, Layers: 80, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 28672}
	tests := []struct {
		shape Shape
		rank  int
		want  int
	}{{llama8, 16, 41_943_040}, {llama8, 64, 167_772_160}, {llama70, 16, 207_093_760}}
	for _, tt := range tests {
		if got := (LoRA{Rank: tt.rank, Targets: all}).Parameters(tt.shape); got != tt.want {
			t.Errorf("rank %d: %d parameters, want %d", tt.rank, got, tt.want)
		}
	}
}

func TestScale(t *testing.T) {
	if got := (LoRA{Rank: 16, Alpha: 32}).Scale(); got != 2 {
		t.Errorf("scale %v, want 2", got)
	}
	if got := (LoRA{Rank: 16, Alpha: 32, RSLoRA: true}).Scale(); got != 8 {
		t.Errorf("rsLoRA scale %v, want 8", got)
	}
}

func TestNewHostAdapter(t *testing.T) {
	s := Shape{Hidden: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 128}
	one := NewHostAdapter(s, LoRA{Rank: 8, Alpha: 8, Targets: []Projection{K}}, 1)
	two := NewHostAdapter(s, LoRA{Rank: 8, Alpha: 8, Targets: []Projection{Q, K, Down}}, 1)
	for i := range one.Layers {
		if a, b := one.Layers[i].A[K], two.Layers[i].A[K]; len(a) != 8*64 || a[5] != b[5] {
			t.Errorf("layer %d: k_proj depends on the other targets", i)
		}
		for _, v := range two.Layers[i].B[Down] {
			if v != 0 {
				t.Fatalf("layer %d: B is not zero", i)
			}
		}
	}
	// Uniform in ±1/sqrt(in): mean 0, variance 1/(3 in).
	bound, sum, sq := 1/math.Sqrt(128), 0.0, 0.0
	a := two.Layers[1].A[Down]
	for _, v := range a {
		x := float64(v)
		if math.Abs(x) > bound {
			t.Fatalf("%v is outside ±%v", x, bound)
		}
		sum += x
		sq += x * x
	}
	n := float64(len(a))
	if math.Abs(sum/n) > 5*bound/math.Sqrt(3*n) || math.Abs(sq/n*3/(bound*bound)-1) > 0.15 {
		t.Errorf("mean %v, variance %v", sum/n, sq/n)
	}
}

func TestBatchValidate(t *testing.T) {
	s := Shape{Vocab: 10, MaxPositions: 4}
	good := func() *Batch {
		b := &Batch{}
		b.Add([]int32{1, 2, 3}, []int32{2, 3, Ignore}, 0)
		b.Add([]int32{4}, []int32{Ignore}, 0)
		return b
	}
	if err := good().Validate(s); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		change func(*Batch)
		want   string
	}{
		{func(b *Batch) { *b = Batch{} }, "empty"},
		{func(b *Batch) { b.Tokens[3] = 10 }, "document 1: token 0: id 10 is outside the vocabulary of 10"},
		{func(b *Batch) { b.Tokens[1] = -1 }, "document 0: token 1: id -1"},
		{func(b *Batch) { b.Targets[1] = 11 }, "document 0: target 1: id 11"},
		{func(b *Batch) { b.Positions[2] = 4 }, "position 4 is outside the model's 4"},
		{func(b *Batch) { b.Targets = b.Targets[1:] }, "3 targets for 4 tokens"},
		{func(b *Batch) { b.Starts[2] = 3 }, "starts cover 0 to 3 of 4 tokens"},
		{func(b *Batch) { b.Add(nil, nil, 0) }, "document 2 is empty"},
	}
	for _, tt := range tests {
		b := good()
		tt.change(b)
		if err := b.Validate(s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func TestDropoutKey(t *testing.T) {
	if got := DropoutKey([32]byte{1, 2, 0, 0, 0, 0, 0, 0x80, 9}); got != 0x8000000000000201 {
		t.Errorf("got %x", got)
	}
}

// TestBFloat16 rounds ties to even, and keeps what is not a number that way.
func TestBFloat16(t *testing.T) {
	for _, c := range []struct {
		from uint32 // bits of the float32
		want uint16
	}{
		{0x3f800000, 0x3f80}, // 1
		{0x3f808000, 0x3f80}, // halfway, down to even
		{0x3f818000, 0x3f82}, // halfway, up to even
		{0x3f808001, 0x3f81}, // past halfway
		{0xbf807fff, 0xbf80}, // short of it
		{0x7f7fffff, 0x7f80}, // too large: infinity
		{0x80000001, 0x8000}, // too small: zero keeps its sign
		{0xff800000, 0xff80}, // -infinity
	} {
		if got := BFloat16(math.Float32frombits(c.from)); got != c.want {
			t.Errorf("BFloat16(%#08x) = %#04x, want %#04x", c.from, got, c.want)
		}
	}
	if got := BFloat16(math.Float32frombits(0x7f800001)); got&0x7f80 != 0x7f80 || got&0x7f == 0 {
		t.Errorf("BFloat16(NaN) = %#04x, which is a number", got)
	}
}

func TestShapeValidate(t *testing.T) {
	good := Shape{Vocab: 9, Hidden: 8, Layers: 1, Heads: 4, KVHeads: 2, HeadDim: 2, Intermediate: 8, MaxPositions: 4}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Shape){
		"shape: hidden is 0: must be positive":           func(s *Shape) { s.Hidden = 0 },
		"shape: layers is -1: must be positive":          func(s *Shape) { s.Layers = -1 },
		"shape: 3 key-value heads do not divide 4 heads": func(s *Shape) { s.KVHeads = 3 },
		"shape: head_dim 3 is odd":                       func(s *Shape) { s.HeadDim = 3 },
	} {
		s := good
		spoil(&s)
		if err := s.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
