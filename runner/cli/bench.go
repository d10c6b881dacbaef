package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"daybook/engine"
	"daybook/engine/bench"
	"daybook/engine/device"
	"daybook/runner"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	shape, device, memory       string
	rows, length, documents     int
	sequences, prompt, tokens   int
	checkpointing, quantization string
	dropout                     float64
	offload                     []string
	adapter, asJSON             bool
	quick, alone                bool
	seconds                     float64
	warmUp                      int
}

// benchmarks are what bench can measure.
var benchmarks = map[string]func(context.Context, device.Device, device.Options, benchOptions) ([]bench.Result, error){
	"train": benchTrain, "decode": benchDecode, "attention": benchOperation(bench.Attention), "gemm": benchOperation(bench.Products),
}

func newBenchCommand(e *env) *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench train|decode|gemm|attention",
		Short: "Measure the engine on synthetic weights",
		Long: `Bench measures this machine with random weights in the shape of a public model:
train, optimizer steps of one micro-batch, then the same with --documents in a row
and without dropout; decode, greedy generation; gemm, a layer's products; attention,
forward and backward. It prints medians, of what is measured for --seconds a line
after warming up, and the clocks of the device meanwhile.

Shapes: ` + strings.Join(bench.Shapes(), ", ") + `.

Model FLOPs are what the mathematics needs: recomputing for gradient checkpointing
counts as time, not as work. Of decoding they are two for each weight that a token
meets, of the prompts too, and attention. Utilisation compares them with the device's datasheet.
The plan is what 'daybook estimate' prints, the engine's memory what it came to, and
the process's the most that the driver had for it, with its context and libraries,
from before the base was loaded.`,
		Example: `  daybook bench train --shape llama3-8b --rows 4 --length 2048 --checkpointing full
  daybook bench decode --shape llama3-8b --sequences 32 --json
  daybook bench attention --shape llama3-8b --rows 2 --length 8192`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.alone && !cmd.Flags().Changed("documents") {
				o.documents = 1 // the default is for the line that --alone leaves out
			}
			// The smallest shape has fewer positions than the default asks for.
			if s, err := bench.ShapeOf(o.shape); err == nil && !cmd.Flags().Changed("new-tokens") {
				o.tokens = max(1, min(o.tokens, s.MaxPositions-o.prompt))
			}
			return runBench(cmd.Context(), e, args[0], o)
		},
	}
	o.register(cmd)
	return cmd
}

func (o *benchOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.shape, "shape", "tiny", "shape of the model")
	flags.StringVar(&o.device, "device", "auto", deviceHelp)
	flags.StringVar(&o.memory, "memory", "", "what the process may take on a GPU, such as 24GiB (default: all)")
	flags.IntVar(&o.rows, "rows", 4, "rows of a micro-batch")
	flags.IntVar(&o.length, "length", 512, "tokens of a row")
	flags.IntVar(&o.documents, "documents", 8, "documents of a row in the line that packs several; with --alone in the only line")
	flags.StringVar(&o.checkpointing, "checkpointing", "full", "gradient checkpointing: none, selective, full or auto")
	flags.StringSliceVar(&o.offload, "offload", nil, "keep in host memory: inputs, embedding, optimizer")
	flags.StringVar(&o.quantization, "quantization", "nf4", "of the base: nf4 or none, which is bfloat16")
	flags.Float64Var(&o.dropout, "dropout", 0.05, "of the adapters' inputs")
	flags.IntVar(&o.sequences, "sequences", 1, "sequences to decode together")
	flags.IntVar(&o.prompt, "prompt", 32, "tokens of a prompt")
	flags.IntVar(&o.tokens, "new-tokens", 512, "tokens to decode for each prompt, if the shape has positions for them")
	flags.BoolVar(&o.adapter, "adapter", false, "decode with an adapter of rank 16")
	flags.Float64Var(&o.seconds, "seconds", 30, "how long to measure each line at least")
	flags.IntVar(&o.warmUp, "warm-up", -1, "repetitions before the first that counts (default: 20 steps of training, 1 answer, 2 calls of an operation)")
	flags.BoolVar(&o.quick, "quick", false, "measure once, after one repetition to warm up")
	flags.BoolVar(&o.alone, "alone", false, "train: only the case asked for, without the lines for packing and no dropout")
	flags.BoolVar(&o.asJSON, "json", false, "print JSON")
}

// deviceHelp describes --device.
const deviceHelp = "`device` to compute on: auto, cpu, cuda, cuda:N or cuda:N/float32"

// protocol returns how long to measure, and how often to repeat before: warmUp times
// unless the flags say otherwise.
func (o benchOptions) protocol(warmUp int) bench.Protocol {
	p := bench.Standard()
	if o.warmUp >= 0 {
		warmUp = o.warmUp
	}
	p.WarmUp, p.AtLeast = warmUp, time.Duration(o.seconds*float64(time.Second))
	if o.quick {
		p.WarmUp, p.AtLeast, p.Repeats = min(p.WarmUp, 1), 0, 1
	}
	return p
}

func runBench(ctx context.Context, e *env, what string, o benchOptions) error {
	run, ok := benchmarks[what]
	if !ok {
		return usageError{runner.WithHint(fmt.Errorf("bench: %s: no such benchmark", what), "measure train, decode, gemm or attention")}
	}
	if _, err := bench.ShapeOf(o.shape); err != nil {
		return usageError{runner.WithHint(fmt.Errorf("--shape: %w", err), "see 'daybook bench --help'")}
	}
	if what == "train" {
		// All lines, before the first takes its time.
		for _, c := range o.trainings() {
			if err := c.Check(); err != nil {
				err = fmt.Errorf("bench: %w", err)
				if c.Documents > 1 {
					err = runner.WithHint(err, "--length must be a multiple of --documents; --documents 1 leaves that line out")
				}
				return usageError{err}
			}
		}
	}
	for _, what := range o.offload {
		if what != "inputs" && what != "embedding" && what != "optimizer" {
			return usageError{fmt.Errorf("--offload: %s: want inputs, embedding or optimizer", what)}
		}
	}
	if o.seconds < 0 {
		return usageError{fmt.Errorf("--seconds: %v is negative", o.seconds)}
	}
	limit, err := memoryLimit(o.memory)
	if err != nil {
		return err
	}
	devices, err := device.Resolve(o.device)
	if errors.Is(err, device.ErrName) {
		return usageError{fmt.Errorf("--device: %w", err)}
	}
	if err != nil {
		return err
	}
	warnPassedOver(e, o.device)
	results, err := run(ctx, devices[0], device.Options{Memory: limit}, o)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if o.asJSON {
		return printJSON(e.out, results)
	}
	return printBench(e, results)
}

// warmUpSteps come before the first step that counts.
const warmUpSteps = 20

// trainings are the case asked for, the same with several documents in a row, and
// the same without dropout, all by one protocol.
func (o benchOptions) trainings() []bench.TrainOptions {
	c := bench.TrainOptions{
		Shape: o.shape, Rows: o.rows, Length: o.length, Checkpointing: engine.Checkpointing(o.checkpointing), Offload: o.offload,
		Dropout: o.dropout, Quantization: o.quantization, Profile: true, Protocol: o.protocol(warmUpSteps),
	}
	if o.alone {
		c.Documents = o.documents
		return []bench.TrainOptions{c}
	}
	all := []bench.TrainOptions{c}
	if o.documents != 0 && o.documents != 1 {
		packed := c
		packed.Documents, packed.Profile = o.documents, false
		all = append(all, packed)
	}
	if o.dropout > 0 {
		plain := c
		plain.Dropout, plain.Profile = 0, false
		all = append(all, plain)
	}
	return all
}

func benchTrain(ctx context.Context, d device.Device, limits device.Options, o benchOptions) ([]bench.Result, error) {
	var all []bench.Result
	for _, c := range o.trainings() {
		r, err := bench.Train(ctx, d, limits, c)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func benchDecode(ctx context.Context, d device.Device, limits device.Options, o benchOptions) ([]bench.Result, error) {
	r, err := bench.Decode(ctx, d, limits, bench.DecodeOptions{
		Shape: o.shape, Sequences: o.sequences, Prompt: o.prompt, NewTokens: o.tokens, Adapter: o.adapter,
		Quantization: o.quantization, Profile: true, Protocol: o.protocol(1),
	})
	return []bench.Result{r}, err
}

func benchOperation(f func(context.Context, device.Device, device.Options, bench.OperationOptions) ([]bench.Result, error)) func(context.Context, device.Device, device.Options, benchOptions) ([]bench.Result, error) {
	return func(ctx context.Context, d device.Device, limits device.Options, o benchOptions) ([]bench.Result, error) {
		return f(ctx, d, limits, bench.OperationOptions{Shape: o.shape, Tokens: o.rows * o.length, Length: o.length, Protocol: o.protocol(2)})
	}
}
