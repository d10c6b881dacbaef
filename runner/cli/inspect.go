package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine/hub"
	"daybook/reports"
	"daybook/runner"
)

func newInspectCommand(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "Describe a base: its architecture, parameters, digest, tokenizer and template",
		Long: `Describe a base, a folder or hf:org/name@revision, without running it. It
can be of the Llama, Mistral, Qwen2 or Qwen3 architecture, with weights in
safetensors, in one file or several, of F32, F16 or BF16 or in NF4 by
bitsandbytes. A model of the Hub is fetched where the cache lacks it.`,
		Example: `  daybook inspect experiments/clinical/base
  daybook inspect hf:HuggingFaceTB/SmolLM2-135M-Instruct --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := runInspect(cmd.Context(), e, args[0])
			if err != nil {
				return fmt.Errorf("inspect: %w", err)
			}
			if asJSON {
				return printJSON(e.out, d)
			}
			return printDescription(e.out, d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runInspect(ctx context.Context, e *env, model string) (*runner.Description, error) {
	root, err := e.findRoot(".")
	if err != nil {
		return nil, err
	}
	dir := model
	if hub.IsName(model) {
		if model, dir, err = runner.Hub(e.hub).Find(ctx, model); err != nil {
			return nil, err
		}
	}
	return runner.Describe(model, dir, root.Cache())
}

func printDescription(w io.Writer, d *runner.Description) error {
	p := &page{w: w}
	s := d.Shape
	p.printf("%s\n", d.Model)
	if d.Name != "" {
		p.line("name", "%s", d.Name)
	}
	p.line("architecture", "%s: %s, hidden %d, %s of %d, %d of keys and values, intermediate %d",
		d.Architecture, count(s.Layers, "layer"), s.Hidden, count(s.Heads, "head"), s.HeadDim, s.KVHeads, s.Intermediate)
	context := fmt.Sprintf("%d tokens, rope theta %g", s.MaxPositions, s.RopeTheta)
	if r := s.RopeScaling; r.Factor > 0 {
		context += fmt.Sprintf(" scaled by %g from %d", r.Factor, r.OriginalMaxPositions)
	}
	if s.Window > 0 {
		context += fmt.Sprintf(", attention over the last %d", s.Window)
	}
	p.line("context", "%s", context)
	parts := []string{"embedding " + commas(d.Parameters.Embedding), "projections " + commas(d.Parameters.Linear), "norms " + commas(d.Parameters.Norms)}
	if d.Parameters.Biases > 0 {
		parts = append(parts, "biases "+commas(d.Parameters.Biases))
	}
	if s.TiedHead {
		parts = append(parts, "head tied")
	} else {
		parts = append(parts, "head "+commas(d.Parameters.Head))
	}
	p.line("parameters", "%s: %s", commas(d.Parameters.Total), strings.Join(parts, ", "))
	p.line("weights", "%s", weightsText(d))
	p.line("digest", "%s", d.Digest)
	if d.License != "" {
		p.line("licence", "%s", d.License)
	}
	if m := d.Merged; m != nil {
		p.line("merged", "adapter %s, %s, into the %s weights of %s, %s", m.Adapter.Name, short(m.Adapter.Digest), m.Into, m.Base.Model, short(m.Base.Digest))
	}
	if t := d.Tokenizer; t != nil {
		p.line("tokenizer", "%d tokens for a vocabulary of %d, %s", t.Tokens, s.Vocab, short(t.Digest))
	}
	if t := d.Template; t != nil {
		stops := fmt.Sprintf("%q", t.Stops)
		if t.Text != "" {
			stops = fmt.Sprintf("%q", append(t.Stops, t.Text))
		}
		p.line("template", "%s, %s, ends at %s", t.Origin, short(t.Digest), strings.Trim(stops, "[]"))
	}
	for _, problem := range d.Problems {
		p.line("problem", "%s", oneLine(problem))
	}
	return p.err
}

// weightsText says what the files of weights hold.
func weightsText(d *runner.Description) string {
	var types []string
	for _, t := range d.Types {
		types = append(types, fmt.Sprintf("%s %s", t.Type, reports.Bytes(float64(t.Bytes))))
	}
	files := 0
	for _, f := range d.Files {
		if strings.HasSuffix(f.Path, ".safetensors") {
			files++
		}
	}
	text := strings.Join(types, ", ") + " in " + count(files, "file")
	if q := d.Quantization; q != nil {
		text += ", quantized to " + q.Kind
		if q.Double {
			text += " twice"
		}
	}
	return text
}

// commas writes a number with its thousands set apart.
func commas(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
