package cli

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/runner"
)

func TestPrintList(t *testing.T) {
	var out bytes.Buffer
	if err := printList(&out, []string{"name", ">count"}, [][]string{{"a", "10"}, {"long one", "5"}}); err != nil {
		t.Fatal(err)
	}
	if want := "name      count\na            10\nlong one      5\n"; out.String() != want {
		t.Errorf("got\n%s, want\n%s", out.String(), want)
	}
	out.Reset()
	if err := printList(&out, []string{"", ""}, [][]string{{"a", "b"}}); err != nil || out.String() != "a  b\n" {
		t.Errorf("without a header: %q, %v", out.String(), err)
	}
}

func TestNothingTookNoTime(t *testing.T) {
	if got := seconds(0) + seconds(75.4); got != "1m15s" {
		t.Errorf("got %q", got)
	}
}

// TestStates takes the words that lists of runs have, and names them all in the
// hint on others.
func TestStates(t *testing.T) {
	_, err := parseState("finished")
	for _, s := range ledger.States() {
		if got, err := parseState(string(s)); err != nil || got != s {
			t.Errorf("parseState(%q) = %q, %v", s, got, err)
		}
		if !strings.Contains(runner.HintOf(err), string(s)) {
			t.Errorf("the hint %q lacks %s", runner.HintOf(err), s)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got, want := oneLine("a: [\n    \"b\"\n  ]: c"), `a: [ "b" ]: c`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestParallel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		asked, todo := rapid.IntRange(0, 100).Draw(t, "jobs"), rapid.IntRange(0, 100).Draw(t, "todo")
		jobs, threads := parallel(asked, todo)
		if jobs < 1 || threads < 1 || jobs > max(1, todo) || asked > 0 && jobs > asked {
			t.Fatalf("parallel(%d, %d) = %d, %d", asked, todo, jobs, threads)
		}
	})
}

// TestSparkline draws every loss curve within its width.
func TestSparkline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		losses := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 1, 200).Draw(t, "losses")
		width := rapid.IntRange(1, 80).Draw(t, "width")
		steps := make([]ledger.StepRow, len(losses))
		for i, l := range losses {
			steps[i] = ledger.StepRow{Step: journal.Step{Step: i + 1, Loss: l}}
		}
		line := []rune(sparkline(steps, width))
		if len(line) != min(width, len(losses)) || strings.Trim(string(line), "▁▂▃▄▅▆▇█") != "" {
			t.Fatalf("%q", string(line))
		}
	})
	falling := []ledger.StepRow{{Step: journal.Step{Loss: 3}}, {Step: journal.Step{Loss: 2}}, {Step: journal.Step{Loss: 1}}}
	if got := sparkline(falling, 60); got != "█▄▁" {
		t.Errorf("a falling loss is drawn as %q", got)
	}
}
