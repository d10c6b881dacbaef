//go:build cuda

package cuda

import (
	"errors"
	goflag "flag" // flag is a function here
	"strconv"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest"
	"daybook/engine/cuda/kernels"
)

// ownFlag is for testdata/racecheck.sh.
var ownFlag = goflag.Bool("cuda.own", false, "launch no kernels but our own; what cuBLASLt computes is then wrong, and tests fail")

// leaveOutProducts has the products of cuBLASLt compute nothing.
func (b *Backend) leaveOutProducts() error {
	err := b.products.close()
	b.products = nil
	return err
}

// TestConformance runs the suite of every backend on every GPU and in both
// compute types.
func TestConformance(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) { conform(t, o, "") })
	}
}

// TestPortable runs the suite with the images that the driver compiles for
// devices newer than Daybook. On every device they take the paths that those for
// the Ampere and Ada generations take, which come from the same sources.
func TestPortable(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) { conform(t, o, kernels.Portable) })
	}
}

// conform runs the suite of every backend with the images of an architecture; the
// device's own if that is empty.
func conform(t *testing.T, o Options, arch string) {
	t.Helper()
	backendtest.Run(t, func(t *testing.T, s engine.Shape) engine.Backend {
		t.Helper()
		b, err := openWith(s, o, arch)
		if err == nil && *ownFlag {
			err = b.run("leave out products", b.leaveOutProducts)
		}
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

// everywhere is both compute types on every GPU; the test is skipped where there is none.
func everywhere(t *testing.T) []Options {
	t.Helper()
	devices, err := Devices()
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []Options
	for _, d := range devices {
		all = append(all, Options{Device: d.Index, Compute: "float32"}, Options{Device: d.Index, Compute: "bfloat16"})
	}
	return all
}

func (o Options) name() string { return o.Numerics().Compute + "/" + strconv.Itoa(o.Device) }

// start opens a backend until t ends. Its shape matters only to operations of a model.
func start(t *testing.T, o Options) *Backend {
	t.Helper()
	b, err := open(engine.Shape{
		Vocab: 67, Hidden: 64, Layers: 1, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 96,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
