package bench

import (
	"context"
	"errors"
	"math"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"daybook/engine"
	"daybook/engine/device"
)

// brief is a protocol for tests, on a clock that ticks with every look.
func brief() Protocol {
	var now time.Time
	return Protocol{WarmUp: 1, Repeats: 2, Now: func() time.Time {
		now = now.Add(time.Millisecond)
		return now
	}}
}

// TestTrainingWork compares with the figures of the design, which count every layer as
// recomputed, and whole.
func TestTrainingWork(t *testing.T) {
	for _, c := range []struct {
		shape                  string
		length                 int
		withRecompute, without float64 // GFLOP a token
	}{
		{"llama3-8b", 2048, 46.7, 32.1},
		{"llama3-8b", 4096, 49.1, 34.0},
		{"llama3-1b", 2048, 7.58, 5.48},
		{"llama3-70b", 2048, 429, 0},
	} {
		s, err := ShapeOf(c.shape)
		if err != nil {
			t.Fatal(err)
		}
		w := TrainingWork(s, lora(16, 0), c.length, engine.CheckpointFull)
		down := 2*float64(s.Hidden)*float64(s.Intermediate) + 2*16*float64(s.Hidden)
		layers := float64(s.Layers)
		all := (w.Model + w.Recompute*layers/(layers-1) + layers*down) / 1e9
		if math.Abs(all-c.withRecompute) > 0.02*c.withRecompute {
			t.Errorf("%s at %d: %.2f GFLOP a token, want %.2f", c.shape, c.length, all, c.withRecompute)
		}
		if got := w.Model / 1e9; c.without > 0 && math.Abs(got-c.without) > 0.02*c.without {
			t.Errorf("%s at %d: %.2f GFLOP a token without recompute, want %.2f", c.shape, c.length, got, c.without)
		}
		one := s
		one.Layers = 1 // the last, of which nothing is computed again
		if again := TrainingWork(one, lora(16, 0), c.length, engine.CheckpointFull).Recompute; again != 0 {
			t.Errorf("%s: one layer has a recompute of %g", c.shape, again)
		}
		some := TrainingWork(s, lora(16, 0), c.length, engine.CheckpointSelective)
		if some.Model != w.Model || some.Recompute <= 0 || some.Recompute >= w.Recompute {
			t.Errorf("%s: selective recompute of %g, full of %g", c.shape, some.Recompute, w.Recompute)
		}
	}
}

// TestDecodingWork counts the products of a model of one layer one by one.
func TestDecodingWork(t *testing.T) {
	s := engine.Shape{Vocab: 11, Hidden: 6, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 3, Intermediate: 5}
	// q, k and v, o; gate, up and down; 3 tokens of a prompt and the first of 2.
	layer := 2 * (6*6 + 2*6*3 + 6*6 + 3*6*5)
	want := 4*layer + 2*2*6*(1+2+3+4) + 2*2*11*6
	if got := DecodingWork(s, engine.LoRA{}, 3, 2); got != float64(want) {
		t.Errorf("%g FLOP, want %d", got, want)
	}
	want += 4 * 2 * 7 * (6 + 6) // A and B of o, rank 7
	if got := DecodingWork(s, engine.LoRA{Rank: 7, Targets: []engine.Projection{engine.O}}, 3, 2); got != float64(want) {
		t.Errorf("%g FLOP with an adapter, want %d", got, want)
	}
}

// TestPeak has names as drivers give them, some of them parts of others.
func TestPeak(t *testing.T) {
	for name, want := range map[string]float64{
		"NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H100 NVL": 835e12, "NVIDIA H100 PCIe": 756e12,
		"NVIDIA H200": 989e12, "NVIDIA H200 NVL": 835e12, "NVIDIA GH200 480GB": 989e12,
		"NVIDIA A100-SXM4-80GB": 312e12, "NVIDIA A10": 125e12, "NVIDIA A10G": 70e12, "NVIDIA L40S": 362e12,
		"NVIDIA GeForce RTX 4090": 165e12, "NVIDIA RTX A1000": 0, "NVIDIA GeForce GTX 1080": 0, "": 0,
	} {
		if got := peak(name); got != want {
			t.Errorf("%s: %g FLOP/s, want %g", name, got, want)
		}
	}
}

// TestParameters compares the adapters' size with PEFT's.
func TestParameters(t *testing.T) {
	for name, want := range map[string]int{"llama3-8b": 41_943_040, "llama3-70b": 207_093_760} {
		s, err := ShapeOf(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := lora(16, 0).Parameters(s); got != want {
			t.Errorf("%s: %d trainable parameters, want %d", name, got, want)
		}
	}
}

func TestTrain(t *testing.T) {
	for _, quantization := range []string{"nf4", "none"} {
		r, err := Train(t.Context(), device.CPU, device.Options{Threads: 2}, TrainOptions{
			Shape: "tiny", Rows: 2, Length: 24, Documents: 2, Checkpointing: engine.CheckpointSelective, Dropout: 0.05,
			Quantization: quantization, Profile: true, Protocol: brief(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Repeats != 2 || r.Tokens != 48 || r.Seconds <= 0 || r.FLOP <= 0 || r.Bytes <= 0 || r.Planned <= 0 || len(r.Device) == 0 {
			t.Errorf("%s: %+v", quantization, r)
		}
		if r.Rate != 48/r.Seconds {
			t.Errorf("%s: %g tokens/s of 48 in %g s", quantization, r.Rate, r.Seconds)
		}
		count := map[string]int{}
		var shares float64
		for i, o := range r.Operations {
			count[o.Name] = o.Calls
			shares += o.Share
			if i > 0 && o.Seconds > r.Operations[i-1].Seconds {
				t.Errorf("%s takes longer than %s before it", o.Name, r.Operations[i-1].Name)
			}
		}
		if math.Abs(shares-1) > 1e-9 {
			t.Errorf("%s: the shares of all operations are %g together", quantization, shares)
		}
		// Five layers forward, four of them again.
		if count["norm, q, k, v"] != 9 || count["attention"] != 5 || count["attention backward"] != 5 || count["head, loss"] != 1 {
			t.Errorf("calls: %v", count)
		}
	}
}

// paced is a backend whose device is an H100 that tells of its clocks and memory,
// by how many repetitions it has waited for.
type paced struct {
	engine.Backend
	waits *atomic.Int32
}

func (p paced) Sync() error {
	p.waits.Add(1)
	return p.Backend.Sync()
}

func (p paced) Describe() map[string]string { return map[string]string{"gpu": "NVIDIA H100 80GB HBM3"} }

func (p paced) Clocks() (sm, memory int, reasons []string, err error) {
	at := min(p.waits.Load(), 3)
	return []int{600, 1980, 1200, 1700}[at], 2619, [][]string{{"idle"}, nil, {"power cap"}, {"power cap", "temperature"}}[at], nil
}

func (p paced) ProcessMemory() (process, all int64, err error) {
	return []int64{5, 9, -1, 6}[min(p.waits.Load(), 3)], 7, nil
}

// TestWatch holds clocks to those of the repetitions that count, and memory to the
// most of all, which here the one to warm up takes.
func TestWatch(t *testing.T) {
	be, err := device.CPU.Open(shapes["tiny"], device.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = be.Close() })
	var waits atomic.Int32
	seen := newWatch(paced{be, &waits})
	defer seen.stop()
	r := Result{FLOP: 1e12}
	p := brief()
	err = p.measure(t.Context(), seen, &r, func() error {
		seen.look() // as its ticker would
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Clocks{First: 1980, Last: 1700, Lowest: 1200, Memory: 2619, Held: []string{"power cap", "temperature"}}
	if r.Clocks == nil || !reflect.DeepEqual(*r.Clocks, want) || r.Repeats != 2 || r.Total != 0.002 {
		t.Errorf("%+v, clocks %+v, want %+v", r, r.Clocks, want)
	}
	r.describe(seen)
	if r.Process != 9 || r.Peak != 989e12 || math.Abs(r.Utilisation-1/.989) > 1e-9 {
		t.Errorf("%d bytes, utilisation %g of %g, want 9 and 1 ms of a TFLOP on an H100", r.Process, r.Utilisation, r.Peak)
	}
}

func TestDecode(t *testing.T) {
	for _, with := range []bool{false, true} {
		r, err := Decode(t.Context(), device.CPU, device.Options{Threads: 2}, DecodeOptions{
			Shape: "tiny", Sequences: 3, Prompt: 4, NewTokens: 5, Adapter: with, Quantization: "nf4", Profile: true, Protocol: brief(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Tokens != 15 || r.Repeats != 2 || len(r.Operations) == 0 {
			t.Errorf("%+v", r)
		}
		var l engine.LoRA
		if with {
			l = lora(16, 0)
		}
		if want := 3 * DecodingWork(shapes["tiny"], l, 4, 5); r.FLOP != want || r.Rate != 15/r.Seconds {
			t.Errorf("adapter %t: %g FLOP, %g tokens/s in %g s, want %g FLOP", with, r.FLOP, r.Rate, r.Seconds, want)
		}
	}
}

// TestPlanned holds the plan of a model with layers worth planning for to 2% of what
// the engine takes of a GPU.
func TestPlanned(t *testing.T) {
	gpus, err := device.Resolve("cuda")
	if err != nil {
		t.Skipf("needs a GPU: %v", err)
	}
	p := Protocol{Repeats: 1, Now: time.Now}
	check := func(r Result, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if off := math.Abs(float64(r.Bytes-r.Planned)) / float64(r.Planned); off > 0.02 {
			t.Errorf("%s: %d bytes taken, %d planned", r.Case, r.Bytes, r.Planned)
		}
		if r.Process < r.Bytes {
			t.Errorf("%s: the process takes %d bytes, its engine %d", r.Case, r.Process, r.Bytes)
		}
	}
	for _, o := range []TrainOptions{
		{Checkpointing: engine.CheckpointFull},
		{Checkpointing: engine.CheckpointNone, Dropout: 0.05},
		{Checkpointing: engine.CheckpointSelective, Offload: []string{"inputs", "embedding", "optimizer"}},
	} {
		o.Shape, o.Rows, o.Length, o.Quantization, o.Protocol = "llama3-1b", 1, 1024, "nf4", p
		check(Train(t.Context(), gpus[0], device.Options{}, o))
	}
	check(Decode(t.Context(), gpus[0], device.Options{}, DecodeOptions{
		Shape: "llama3-1b", Sequences: 4, Prompt: 32, NewTokens: 8, Quantization: "nf4", Adapter: true, Protocol: p,
	}))
}

func TestOperations(t *testing.T) {
	o := OperationOptions{Shape: "tiny", Tokens: 64, Length: 32, Protocol: brief()}
	attention, err := Attention(t.Context(), device.CPU, device.Options{Threads: 2}, o)
	if err != nil || len(attention) != 2 || attention[0].Rate != 64/attention[0].Seconds || attention[1].FLOP != 2*attention[0].FLOP {
		t.Errorf("attention: %+v, %v", attention, err)
	}
	products, err := Products(t.Context(), device.CPU, device.Options{Threads: 2}, o)
	if err != nil || len(products) != 3 || products[0].FLOP != 2*squareCPU*squareCPU*squareCPU {
		t.Errorf("products: %+v, %v", products, err)
	}
}

func TestBadOptions(t *testing.T) {
	ctx, limits := t.Context(), device.Options{Threads: 1}
	stopped, stop := context.WithCancel(ctx)
	stop()
	for name, run := range map[string]func() error{
		"shape": func() error {
			_, err := Train(ctx, device.CPU, limits, TrainOptions{Shape: "llama9", Rows: 1, Length: 8})
			return err
		},
		"no tokens": func() error {
			_, err := Train(ctx, device.CPU, limits, TrainOptions{Shape: "tiny", Rows: 1})
			return err
		},
		"uneven documents": func() error {
			_, err := Train(ctx, device.CPU, limits, TrainOptions{Shape: "tiny", Rows: 1, Length: 10, Documents: 4, Quantization: "nf4", Protocol: brief()})
			return err
		},
		"quantization": func() error {
			_, err := Train(ctx, device.CPU, limits, TrainOptions{Shape: "tiny", Rows: 1, Length: 8, Quantization: "int8"})
			return err
		},
		"too long": func() error {
			_, err := Decode(ctx, device.CPU, limits, DecodeOptions{Shape: "tiny", Sequences: 1, Prompt: 500, NewTokens: 13})
			return err
		},
		"parts of documents": func() error {
			_, err := Attention(ctx, device.CPU, limits, OperationOptions{Shape: "tiny", Tokens: 10, Length: 4})
			return err
		},
		"stopped": func() error {
			_, err := Decode(stopped, device.CPU, limits, DecodeOptions{Shape: "tiny", Sequences: 1, Prompt: 2, NewTokens: 2, Quantization: "nf4", Protocol: brief()})
			if errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		},
	} {
		if run() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
