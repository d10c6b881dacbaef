package cli

import (
	"fmt"
	"strings"

	"daybook/engine/bench"
)

// printBench prints a line a result, how the device ran, and where the time of the
// first goes.
func printBench(e *env, results []bench.Result) error {
	var rows [][]string
	for _, r := range results {
		rate, tflops, utilisation := orDash(""), orDash(""), orDash("")
		if r.Rate > 0 {
			rate = fmt.Sprintf("%.0f", r.Rate)
		}
		if r.FLOP > 0 {
			tflops = fmt.Sprintf("%.3g", r.FLOP/r.Seconds/1e12)
		}
		if r.Utilisation > 0 {
			utilisation = fmt.Sprintf("%.0f%%", 100*r.Utilisation)
			if r.Utilisation < 0.1 { // of decoding, which waits for memory
				utilisation = fmt.Sprintf("%.1f%%", 100*r.Utilisation)
			}
		}
		rows = append(rows, []string{
			r.Case, rate, fmt.Sprintf("%.2f", 1e3*r.Seconds), fmt.Sprintf("%.2f–%.2f", 1e3*r.Fastest, 1e3*r.Slowest), fmt.Sprint(r.Repeats), fmt.Sprintf("%.1f", r.Total),
			tflops, utilisation, gibibytes(r.Planned), gibibytes(r.Bytes), gibibytes(r.Process), clocks(r.Clocks),
		})
	}
	header := []string{
		results[0].Name + " " + results[0].Shape, ">tokens/s", ">ms", ">range", ">of", ">s",
		">model TFLOP/s", ">utilisation", ">plan GiB", ">engine GiB", ">process GiB", ">MHz",
	}
	if err := printList(e.out, header, rows); err != nil {
		return err
	}
	p := &page{w: e.out}
	p.printf("\n%s\n", deviceText(results[0].Device))
	if text := pace(results); text != "" {
		p.printf("%s\n", text)
	}
	if results[0].Name == "decode" {
		p.printf("model FLOPs: two for each weight, of adapters too, that a token of prompts or answers meets, and attention to all before it\n")
	}
	if results[0].Utilisation > 0 {
		p.printf("utilisation: model FLOPs, nothing recomputed among them, of the %.0f TFLOP/s of dense bfloat16 on the datasheet\n", results[0].Peak/1e12)
	}
	if p.err != nil || len(results[0].Operations) == 0 {
		return p.err
	}
	rows = nil
	for _, o := range results[0].Operations {
		rows = append(rows, []string{o.Name, fmt.Sprint(o.Calls), fmt.Sprintf("%.2f", 1e3*o.Seconds), fmt.Sprintf("%.1f%%", 100*o.Share)})
	}
	p.printf("\n")
	if p.err != nil {
		return p.err
	}
	return printList(e.out, []string{"waiting behind every operation", ">calls", ">ms", ">share"}, rows)
}

// clocks writes those of the multiprocessors from when measuring began to when it
// ended, and the lowest in between.
func clocks(c *bench.Clocks) string {
	if c == nil {
		return orDash("")
	}
	return fmt.Sprintf("%d–%d, ≥%d", c.First, c.Last, c.Lowest)
}

// pace says how fast memory ran, and what kept clocks down while any of results was
// measured; "" if nobody knows.
func pace(results []bench.Result) string {
	var held []string
	seen := map[string]bool{}
	memory := 0
	for _, r := range results {
		if r.Clocks == nil {
			continue
		}
		memory = r.Clocks.Memory
		for _, h := range r.Clocks.Held {
			if !seen[h] {
				seen[h] = true
				held = append(held, h)
			}
		}
	}
	if memory == 0 {
		return ""
	}
	text := fmt.Sprintf("MHz: multiprocessors from begin to end, and the lowest seen; memory %d", memory)
	if len(held) > 0 {
		return text + "; held back by " + strings.Join(held, ", ")
	}
	return text + "; nothing held them back"
}

func gibibytes(n int64) string {
	if n == 0 {
		return orDash("")
	}
	return fmt.Sprintf("%.2f", float64(n)/(1<<30))
}
