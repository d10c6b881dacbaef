package backendtest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest"
)

// faultVariable names the fault that a child process runs the suite with.
const faultVariable = "BACKENDTEST_FAULT"

func TestSuiteAcceptsTheReference(t *testing.T) {
	fault := os.Getenv(faultVariable)
	backendtest.Run(t, func(t *testing.T, s engine.Shape) engine.Backend {
		t.Helper()
		if fault != "" && s.TiedHead {
			t.Skip("one shape is enough to find a fault")
		}
		if s.Vocab > 100_000 {
			t.Skip("plain loops in float64 take minutes")
		}
		skipSecondLarge(t, s)
		return &oracle{s: s, fault: fault}
	})
}

func TestSuiteAcceptsTheReferenceInBFloat16(t *testing.T) {
	backendtest.Run(t, func(t *testing.T, s engine.Shape) engine.Backend {
		t.Helper()
		if s.Vocab > 1000 {
			t.Skip("plain loops in float64 take minutes")
		}
		skipSecondLarge(t, s)
		return &oracle{s: s, half: true}
	})
}

// skipSecondLarge skips the larger of the shapes that are there for large batches.
func skipSecondLarge(t *testing.T, s engine.Shape) {
	t.Helper()
	if s.MaxPositions > 1000 && s.HeadDim > 64 {
		t.Skip("one large batch is enough for plain loops")
	}
}

// TestSuiteFindsFaults runs the suite on backends that are wrong in one place,
// in a child process because it must fail.
func TestSuiteFindsFaults(t *testing.T) {
	if os.Getenv(faultVariable) != "" {
		t.Skip("already in a child process")
	}
	for fault, check := range map[string]string{
		"rope not undone":        "QKV",
		"overwrite gradients":    "MLP",
		"last element unwritten": "MLP",
		"documents run together": "Attention",
		"dropout layer":          "Output",
		"ties go up":             "GreedyTies",
		"optimizer epsilon":      "Optimizer",
	} {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestSuiteAcceptsTheReference$/grouped/"+check+"$")
			cmd.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("the suite passes a backend with this fault:\n%s", out)
			}
			if !strings.Contains(string(out), "--- FAIL: TestSuiteAcceptsTheReference/grouped/"+check) {
				t.Errorf("%s does not fail:\n%s", check, out)
			}
			if !strings.Contains(string(out), "-backendtest.seed=") {
				t.Errorf("no seed in the output:\n%s", out)
			}
		})
	}
}
