package device

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"daybook/engine/cuda"
	"daybook/engine/model/modeltest"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]string{
		"cpu": "cpu/float32/1", "cuda:0": "cuda/bfloat16/1", "cuda:12": "cuda/bfloat16/1",
		"cuda:1/float32": "cuda/float32/1", "cuda:1/bfloat16": "cuda/bfloat16/1",
	} {
		d, err := Parse(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := d.Numerics().String(); got != want {
			t.Errorf("%s computes in %s, want %s", name, got, want)
		}
		if again, err := Parse(d.String()); err != nil || again != d {
			t.Errorf("%s prints as %s, which is another device", name, d)
		}
	}
	for _, name := range []string{"", "gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "cuda:0/int8", "tpu:0"} {
		_, err := Parse(name)
		var hint interface{ Hint() string }
		if !errors.Is(err, ErrName) || !errors.As(err, &hint) || hint.Hint() == "" {
			t.Errorf("%q: got %v, want an ErrName with a hint", name, err)
		}
	}
}

func TestResolve(t *testing.T) {
	gpus, err := cuda.Devices()
	if err != nil && !errors.Is(err, cuda.ErrUnavailable) {
		t.Fatal(err)
	}
	gpus = slices.DeleteFunc(gpus, func(g cuda.Device) bool { return g.Unfit != nil })
	auto, err := Resolve("auto")
	if err != nil || len(auto) != max(1, len(gpus)) {
		t.Fatalf("auto is %v, %v, with %d GPUs here", auto, err, len(gpus))
	}
	if len(gpus) == 0 && auto[0] != CPU {
		t.Errorf("auto is %s without a GPU", auto[0])
	}
	if len(gpus) == 0 {
		if _, err := Resolve("cuda"); !errors.Is(err, cuda.ErrUnavailable) && !errors.Is(err, ErrName) {
			t.Errorf("cuda without a GPU: %v", err)
		}
	}
	if _, err := Resolve("auto/int8"); !errors.Is(err, ErrName) {
		t.Errorf("auto/int8: %v", err)
	}
}

// TestResolveUnfit has GPUs that no kernels run on beside others, and alone.
func TestResolveUnfit(t *testing.T) {
	unfit := errors.New("too old")
	old := func(index int) cuda.Device { return cuda.Device{Index: index, Unfit: unfit} }
	for _, c := range []struct {
		name   string
		gpus   []cuda.Device
		want   []string // nil: an error
		passed int
	}{
		{"auto", []cuda.Device{old(0), {Index: 1}, old(2), {Index: 3}}, []string{"cuda:1", "cuda:3"}, 2},
		{"cuda", []cuda.Device{{Index: 0}, old(1)}, []string{"cuda:0"}, 1},
		{"cuda/float32", []cuda.Device{old(0), {Index: 1}}, []string{"cuda:1/float32"}, 1},
		{"auto", []cuda.Device{old(0)}, []string{"cpu"}, 1},
		{"cuda", []cuda.Device{old(0)}, nil, 0},
		{"cuda:0", []cuda.Device{old(0), {Index: 1}}, []string{"cuda:0"}, 0}, // opening it says why not
		{"auto", nil, []string{"cpu"}, 0},
	} {
		all, passed, err := resolve(c.name, func() ([]cuda.Device, error) { return c.gpus, nil })
		var got []string
		for _, d := range all {
			got = append(got, d.String())
		}
		if !slices.Equal(got, c.want) || len(passed) != c.passed || (err == nil) != (c.want != nil) {
			t.Errorf("%s among %+v: %q, %v, %v, want %q", c.name, c.gpus, got, passed, err, c.want)
		}
		for _, why := range passed {
			if !errors.Is(why, unfit) || !strings.HasPrefix(why.Error(), "cuda:") {
				t.Errorf("%s: passed over for %v", c.name, why)
			}
		}
		if c.want == nil && !errors.Is(err, unfit) {
			t.Errorf("%s: %v, which doesn't say why", c.name, err)
		}
	}
}

func TestOpen(t *testing.T) {
	be, err := CPU.Open(modeltest.Shape(), Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := be.Numerics(); got != CPU.Numerics() {
		t.Errorf("numerics class %s, announced was %s", got, CPU.Numerics())
	}
	if err := be.Close(); err != nil {
		t.Error(err)
	}
}
