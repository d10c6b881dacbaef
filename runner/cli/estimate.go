package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/engine/model"
	"daybook/ledger"
	"daybook/reports"
	"daybook/runner"
)

// cards are common GPUs, sold with 8, 12, 16, 24, 48 and 80 GiB, by the GiB that CUDA
// reports as their total on Linux: the least that is usual of each size. Error correction
// in the same memory, as an L40S has, takes more. Those of 24 GiB come first: they are what
// most people have who fine-tune on one GPU.
var cards = []float64{23.5, 7.6, 11.6, 15.5, 47.4, 79.1}

func newEstimateCommand(e *env) *cobra.Command {
	var f sweepFlags
	var on string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "estimate SWEEP",
		Short: "Say how much memory a sweep's runs take, and which GPUs they fit on",
		Long: `Estimate prints the memory that the engine plans for a sweep, a line for all runs
of one shape, and with which setting each fits on common GPUs. It is the plan that
a run allocates, made without a GPU.

The process takes what the engine plans, what the driver takes besides, and what a
run keeps free for it: as much as --memory has to allow. The GPUs are those sold with
24 GiB, which come first, and 8, 12, 16, 48 and 80, by what their driver reports.
"fits" is without gradient checkpointing; selective and full are with it, "no" is not
at all; + inputs and + embedding are train.offload, + paged is a
paged optimizer; * marks what the sweep doesn't ask for. No setting changes a byte
of the result.`,
		Example: `  daybook estimate experiments/clinical/sweep.jsonnet
  daybook estimate sweep.jsonnet --only rank=64 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			feet, err := runEstimate(cmd.Context(), e, f, on, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.out, feet)
			}
			return printEstimate(e.out, feet)
		},
	}
	f.jsonnet(cmd)
	flags := cmd.Flags()
	flags.StringVar(&on, "device", "cuda:0", "what to plan for: cpu, cuda:N or cuda:N/float32; it need not be here")
	flags.StringArrayVar(&f.only, "only", nil, "only runs with this choice, such as rank=8 (repeatable)")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runEstimate(ctx context.Context, e *env, f sweepFlags, on, path string) (_ []*runner.Footprint, err error) {
	d, err := device.Parse(on)
	if err != nil {
		return nil, usageError{fmt.Errorf("--device: %w", err)}
	}
	f.device = "cpu" // decides keys, which no memory depends on, and is everywhere
	p, err := f.load(ctx, e, path, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	o := runner.EstimateOptions{Planner: d.Planner}
	if d != device.CPU {
		for _, gib := range cards {
			o.Cards = append(o.Cards, int64(gib*(1<<30)))
		}
	}
	return p.plan.Estimate(ctx, o)
}

// printEstimate prints a line for each shape of run, then the cards it fits on.
func printEstimate(w io.Writer, feet []*runner.Footprint) error {
	header := []string{"", ">runs", ">tokens", ">base", ">adapter", ">optimizer", ">activations", ">scratch", ">cache", ">engine", ">process", ">on the host"}
	fits := []string{"GPU of"}
	for _, c := range feet[0].Cards {
		fits = append(fits, fmt.Sprintf("%.1f GiB", float64(c.Bytes)/(1<<30)))
	}
	var rows, cardRows [][]string
	for _, f := range feet {
		m := f.Memory
		rows = append(rows, []string{
			footprintName(f), fmt.Sprint(len(f.Runs)), fmt.Sprint(f.Tokens),
			amount(m.Base), amount(m.Adapter), amount(m.Optimizer), amount(m.Residual + m.Activations + m.Gradients), amount(m.Scratch), amount(f.Cache),
			amount(f.Engine), amount(f.Process), amount(m.Host),
		})
		line := []string{footprintName(f)}
		for _, c := range f.Cards {
			line = append(line, cardFit(c))
		}
		cardRows = append(cardRows, line)
	}
	if err := printList(w, header, rows); err != nil {
		return err
	}
	if len(fits) == 1 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := printList(w, fits, cardRows); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nfits: without checkpointing; selective, full: with gradient_checkpointing so; + inputs, + embedding: train.offload; + paged: a paged optimizer; *: not what the sweep asks for, and not a byte of the result changes")
	return err
}

// footprintName says what runs of one shape have in common.
func footprintName(f *runner.Footprint) string {
	if f.Kind != ledger.Train {
		return strings.Join(f.Runs, ", ")
	}
	name := fmt.Sprintf("rank %d, %s, %s", f.Rank, f.Optimizer, f.Asked)
	if len(f.Offload) > 0 {
		name += ", on the host " + strings.Join(f.Offload, ", ")
	}
	return name
}

// cardFit writes the setting that fits.
func cardFit(c runner.CardFit) string {
	if !c.Fits {
		return "no"
	}
	text := "fits"
	if c.Setting != nil {
		text = settingText(*c.Setting)
	}
	if c.Embedding {
		text += " + embedding"
	}
	if !c.Asked {
		text += " *"
	}
	return text
}

// amount writes bytes.
func amount(bytes int64) string {
	if bytes == 0 {
		return orDash("")
	}
	return reports.Bytes(float64(bytes))
}

func settingText(s model.Setting) string {
	text := string(s.Checkpointing)
	if s.Checkpointing == engine.CheckpointNone { // "none" would read as a card on which nothing fits
		text = "fits"
	}
	if s.HostInputs {
		text += " + inputs"
	}
	if s.Paged {
		text += " + paged"
	}
	return text
}
