package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/reports"
	"daybook/runner"
)

// mergeFlags say how to merge an adapter.
type mergeFlags struct {
	base         string
	quantization string
	into         string
	dtype        string
	maxShard     string
	asJSON       bool
}

// mergeTypes are the types that merged weights are written in.
var mergeTypes = map[string]checkpoint.DType{"float32": checkpoint.F32, "float16": checkpoint.F16, "bfloat16": checkpoint.BF16}

func newMergeCommand(e *env) *cobra.Command {
	var f mergeFlags
	cmd := &cobra.Command{
		Use:   "merge ADAPTER OUT",
		Short: "Fold an adapter into its base, and write the model",
		Long: `Merge writes the base with the adapter folded into its weights to the new folder
OUT, as safetensors with config.json, tokenizer and chat template, for tools that
know no adapters. Weights pass through memory a matrix at a time.

An adapter is trained against the base as training held it. Where that is NF4, it
is merged into the weights that NF4 is dequantized to, unless --into original asks
for the base's own, which gives another model: what is printed is how far apart
the two are, beside the adapter's own size and what rounding to the type written
takes away. Nothing is ever merged into 4 bits.

ADAPTER is named as for generate. OUT has daybook-merge.json, which names adapter
and base by their digests; 'inspect OUT', and the audit of what is trained on it,
repeat that.`,
		Example: `  daybook merge clinical@best clinical-merged
  daybook merge clinical@v7 merged --into original --dtype bfloat16
  daybook merge ./from-peft merged --base hf:org/name --quantization nf4-double`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := runMerge(cmd.Context(), e, args[0], args[1], f)
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(e.out, r)
			}
			return printMerge(e.out, args[1], r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.base, "base", "", "`folder` of the base, or hf:org/name (default: where the run found it)")
	flags.StringVar(&f.quantization, "quantization", "", "how training held the base: "+strings.Join(runner.Quantizations, ", ")+" (default: as recorded)")
	flags.StringVar(&f.into, "into", "", "`weights` to merge into, dequantized or original (default: dequantized, if training quantized the base)")
	flags.StringVar(&f.dtype, "dtype", "", "`type` to write, "+strings.Join(slices.Sorted(maps.Keys(mergeTypes)), ", ")+" (default: as the base's)")
	flags.StringVar(&f.maxShard, "max-shard-size", "5GB", "`size` of a file of weights at most: KB, MB and GB are powers of 1000, K, M, G and KiB, MiB, GiB of 1024")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func runMerge(ctx context.Context, e *env, ref, out string, f mergeFlags) (_ *runner.MergeRecord, err error) {
	o := runner.MergeOptions{Out: out, Into: f.into}
	if o.MaxShard, err = byteAmount("--max-shard-size", f.maxShard, "5GB"); err != nil {
		return nil, err
	}
	if f.into != "" && f.into != runner.IntoDequantized && f.into != runner.IntoOriginal {
		return nil, usageError{runner.WithHint(fmt.Errorf("--into: %q", f.into), "it is dequantized or original")}
	}
	if f.dtype != "" {
		var ok bool
		if o.DType, ok = mergeTypes[f.dtype]; !ok {
			return nil, usageError{runner.WithHint(fmt.Errorf("--dtype: %q", f.dtype), "it is one of "+strings.Join(slices.Sorted(maps.Keys(mergeTypes)), ", ")+"; 4 and 8 bits would round most of an adapter away")}
		}
	}
	if err := checkQuantization(f.quantization); err != nil {
		return nil, err
	}
	root, l, err := e.openLedgerIfAny(ctx, ".")
	if err != nil {
		return nil, err
	}
	if l != nil {
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	a, err := runner.FindAdapter(ctx, root, l, ref)
	if err != nil {
		return nil, err
	}
	if o.Base, err = a.Base(ctx, root, e.hub, l, f.base); err != nil {
		return nil, err
	}
	if f.quantization != "" {
		runner.Quantized(&o.Base.Spec.Base, f.quantization)
	}
	m := newMeter(e.err)
	defer m.close()
	o.Loading = m.share("merging")
	r, err := runner.Merge(ctx, a, o)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	return r, nil
}

func printMerge(w io.Writer, out string, r *runner.MergeRecord) error {
	p := &page{w: w}
	p.printf("%s\n", out)
	p.line("adapter", "%s, %s", r.Adapter.Name, short(r.Adapter.Digest))
	p.line("base", "%s, %s", r.Base.Model, short(r.Base.Digest))
	held := ""
	if r.Base.Quantization != "" && r.Base.Quantization != "none" {
		held = ", which training held in " + r.Base.Quantization
	}
	p.line("merged into", "its %s weights%s", r.Into, held)
	p.line("weights", "%s of %s in %s", reports.Bytes(float64(r.Bytes)), strings.ToUpper(r.DType), count(len(r.Files), "file"))
	p.line("digest", "%s", r.Digest)
	p.printf("\n")
	if p.err != nil {
		return p.err
	}
	header := []string{"projection", ">adapter", ">dequantized - original", ">rounding"}
	if r.Difference.Quantization == nil {
		header = slices.Delete(header, 2, 3)
	}
	row := func(name string, d checkpoint.Difference) []string {
		out := []string{name, percent(d.Adapter)}
		if r.Difference.Quantization != nil {
			out = append(out, percent(*d.Quantization))
		}
		return append(out, percent(d.Rounding))
	}
	var rows [][]string
	for p := range engine.NumProjections {
		rows = append(rows, row(p.String(), r.ByModule[p.String()]))
	}
	if err := printList(w, header, append(rows, row("all", r.Difference))); err != nil {
		return err
	}
	p.printf("\nFrobenius norms, of the base's own weights' norm.")
	if q := r.Difference.Quantization; q != nil && *q > 0 {
		p.printf(" Merged into the other weights, the model would differ\nby %s times the adapter.", ratio(*q, r.Difference.Adapter))
	}
	p.printf("\n")
	return p.err
}

// percent writes a share with three digits, 0 for none.
func percent(x float64) string {
	if x == 0 {
		return "0"
	}
	return fmt.Sprintf("%.3g%%", 100*x)
}

// ratio writes how many times y is in x.
func ratio(x, y float64) string {
	if y == 0 {
		return "infinitely many"
	}
	return fmt.Sprintf("%.2g", x/y)
}
