package cli

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
	"pgregory.net/rapid"

	"daybook/engine/device"
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

// TestPrintListLikeTable compares lists with those that a library of tables lays out.
func TestPrintListLikeTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "columns")
		header := rapid.SliceOfN(rapid.SampledFrom([]string{"", "run", ">tokens", "größe", ">名前"}), n, n).Draw(t, "header")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab  é名=@.")), 0, 8, -1)
		cell := rapid.OneOf(text, rapid.Map(text, func(s string) string { return "one" + s + "\n" + s + "two" }))
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, n, n), 1, 6).Draw(t, "rows")
		var got, want bytes.Buffer
		if err := printList(&got, header, rows); err != nil {
			t.Fatal(err)
		}
		if err := tableList(&want, header, rows); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Fatalf("%q: got\n%s, want\n%s", rows, got.String(), want.String())
		}
	})
}

// tableList is printList by that library.
func tableList(w *bytes.Buffer, header []string, rows [][]string) error {
	align := make(tw.Alignment, len(header))
	names := make([]any, len(header))
	for i, h := range header {
		align[i], names[i] = tw.AlignLeft, h
		if h != "" && h[0] == '>' {
			align[i], names[i] = tw.AlignRight, h[1:]
		}
	}
	var page bytes.Buffer
	t := tablewriter.NewTable(&page,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(align),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: "  ", Overwrite: true}),
	)
	if strings.Join(header, "") != "" {
		t.Header(names...)
	}
	if err := t.Bulk(rows); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(page.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	return nil
}

// BenchmarkPrintList lays out the runs of a ledger of ten thousand.
func BenchmarkPrintList(b *testing.B) {
	rows := make([][]string, 10_000)
	for i := range rows {
		rows[i] = []string{fmt.Sprintf("%012x", i*i), "clinical", fmt.Sprintf("rank=%d data=clean seed=%d", i%7, i), "done", "1", "2", "12.3k", "1m12s", fmt.Sprintf("clinical@v%d", i)}
	}
	header := []string{"run", "sweep", "axes", "state", ">attempts", ">epoch", ">tokens", ">time", "adapter"}
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if err := printList(io.Discard, header, rows); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			if err := tableList(new(bytes.Buffer), header, rows); err != nil {
				b.Fatal(err)
			}
		}
	})
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

// TestParallelKeepsToItsShare divides what the process may use, not what there is.
func TestParallelKeepsToItsShare(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	for _, c := range []struct{ asked, todo, jobs, threads int }{{0, 100, 3, 1}, {0, 1, 1, 3}, {1, 9, 1, 3}, {2, 9, 2, 1}} {
		if jobs, threads := parallel([]device.Device{device.CPU}, c.asked, c.todo); jobs != c.jobs || threads != c.threads {
			t.Errorf("parallel(%d, %d) = %d, %d, want %d, %d", c.asked, c.todo, jobs, threads, c.jobs, c.threads)
		}
	}
}

// TestDiffOrder puts what only the second run has where the second run has it.
func TestDiffOrder(t *testing.T) {
	a, b := &flat{values: map[string]string{}}, &flat{values: map[string]string{}}
	for _, p := range []string{"run", "spec.a", "spec.c", "test.loss"} {
		a.set(p, "")
	}
	for _, p := range []string{"kind", "run", "spec.b", "spec.c", "spec.d", "spec.e", "test.f1", "test.loss"} {
		b.set(p, "")
	}
	got := strings.Join(order(a, b), " ")
	if want := "kind run spec.b spec.a spec.c spec.d spec.e test.f1 test.loss"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestValues keeps one column for the values, however long a name is.
func TestValues(t *testing.T) {
	one, two := .5, .25
	var out bytes.Buffer
	p := &page{w: &out}
	p.values([]journal.MetricValue{{Metric: "loss", Value: &one}, {Metric: "field_f1(medications:name,dose,frequency)", By: "quality", Tag: "clean", Value: &two}})
	var at []int
	for line := range strings.Lines(out.String()) {
		at = append(at, strings.Index(line, "0."))
	}
	if len(at) != 2 || at[0] != at[1] || at[0] < 0 {
		t.Errorf("values are at %v in\n%s", at, out.String())
	}
}

func TestParallel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		asked, todo := rapid.IntRange(0, 100).Draw(t, "jobs"), rapid.IntRange(0, 100).Draw(t, "todo")
		devices := []device.Device{device.CPU}
		gpus := rapid.IntRange(0, 9).Draw(t, "GPUs")
		for i := range gpus {
			gpu, err := device.Parse(fmt.Sprintf("cuda:%d", i))
			if err != nil {
				t.Fatal(err)
			}
			devices = append(devices[:i], gpu)
		}
		jobs, threads := parallel(devices, asked, todo)
		if jobs < 1 || threads < 1 || jobs > max(1, todo) || asked > 0 && jobs > asked || gpus > 0 && asked == 0 && jobs > gpus {
			t.Fatalf("parallel(%v, %d, %d) = %d, %d", devices, asked, todo, jobs, threads)
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
