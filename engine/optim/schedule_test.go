package optim_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"daybook/engine/backendtest/fixture"
	"daybook/engine/optim"
)

func TestLearningRateMatchesTransformers(t *testing.T) {
	f := fixture.Read(t, "testdata/adamw.safetensors")
	checked := 0
	for name := range f {
		parts := strings.Split(name, ".")
		if parts[0] != "lr" {
			continue
		}
		var warmup, total int
		if _, err := fmt.Sscan(parts[2], &warmup); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(parts[3], &total); err != nil {
			t.Fatal(err)
		}
		for step, want := range f.F64(t, name) {
			// Near its end the cosine cancels: 1e-16 of 1 remains.
			got := optim.LearningRate(parts[1], 2e-4, step, warmup, total)
			if math.Abs(got-want) > 1e-15*want+1e-16*2e-4*4 {
				t.Errorf("%s: step %d has %g, want %g", name, step, got, want)
			}
			checked++
		}
	}
	if checked < 300 {
		t.Errorf("only %d rates in the fixture", checked)
	}
}

func TestLearningRateProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schedule := rapid.SampledFrom(optim.Schedules).Draw(t, "schedule")
		total := rapid.IntRange(1, 5000).Draw(t, "total")
		warmup := rapid.IntRange(0, total).Draw(t, "warmup")
		step := rapid.IntRange(0, total+3).Draw(t, "step")
		got := optim.LearningRate(schedule, 1, step, warmup, total)
		if !(got >= 0 && got <= 1) {
			t.Fatalf("rate %g outside [0, 1]", got)
		}
		if step == 0 && warmup > 0 && got != 0 {
			t.Fatalf("warmup starts at %g", got)
		}
		if next := optim.LearningRate(schedule, 1, step+1, warmup, total); step >= warmup && next > got {
			t.Fatalf("rate rises from %g to %g after warmup", got, next)
		}
	})
}

func TestWarmupSteps(t *testing.T) {
	for _, c := range []struct {
		ratio float64
		total int
		want  int
	}{{0, 100, 0}, {0.03, 100, 3}, {0.03, 101, 4}, {0.5, 1, 1}, {1, 7, 7}, {0.1, 0, 0}} {
		if got := optim.WarmupSteps(c.ratio, c.total); got != c.want {
			t.Errorf("WarmupSteps(%g, %d) = %d, want %d", c.ratio, c.total, got, c.want)
		}
	}
}
