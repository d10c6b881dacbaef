package device

import (
	"errors"
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
