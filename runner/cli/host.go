package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine/device"
	"daybook/runner"
	"daybook/runner/talk"
	"daybook/sweeps"
)

// hostFlags say which base answers, and how it is held; generate, chat and serve have
// them.
type hostFlags struct {
	base         string
	quantization string
	device       string
	memory       string
}

// register adds the flags; otherwise says which base is taken without --base.
func (f *hostFlags) register(cmd *cobra.Command, otherwise string) {
	flags := cmd.Flags()
	flags.StringVar(&f.base, "base", "", "`folder` of the base, or hf:org/name (default: "+otherwise+")")
	flags.StringVar(&f.quantization, "quantization", "", "how the base is held: "+strings.Join(runner.Quantizations, ", ")+" (default: as in training; where that is not recorded, as its files are quantized, else nf4-double, and a line says so)")
	flags.StringVar(&f.device, "device", "auto", deviceHelp)
	flags.StringVar(&f.memory, "memory", "", "what the process may take of a GPU, such as 24GiB (default: all that is free)")
}

func (f *hostFlags) check() error {
	_, err := memoryLimit(f.memory)
	return cmp.Or(checkQuantization(f.quantization), err)
}

func checkQuantization(name string) error {
	if name != "" && !slices.Contains(runner.Quantizations, name) {
		return usageError{runner.WithHint(fmt.Errorf("--quantization: %q", name), "it is one of "+strings.Join(runner.Quantizations, ", "))}
	}
	return nil
}

// loadHost puts a base on a device, with a bar. Adapters that can't answer with it are
// an error before it is read.
func loadHost(ctx context.Context, e *env, root runner.Root, b runner.AdapterBase, o talk.Options, f hostFlags, adapters ...*runner.NamedAdapter) (*talk.Host, error) {
	var err error
	if o.Memory, err = memoryLimit(f.memory); err != nil {
		return nil, err
	}
	base, err := runner.OpenBase(b.Dir, b.Template, root.Cache())
	if err != nil {
		err = fmt.Errorf("base: %w", err)
		if errors.Is(err, fs.ErrNotExist) && runner.HintOf(err) == "" {
			err = runner.WithHint(err, "a base is a folder with config.json, model.safetensors, tokenizer.json and tokenizer_config.json; name it with --base")
		}
		return nil, err
	}
	if b.Alone {
		b.Spec.Base.Quantization, b.Spec.Base.DoubleQuant = "none", false
		if q := base.Quantized(); q != nil {
			b.Spec.Base.Quantization, b.Spec.Base.DoubleQuant = q.Kind, q.DoubleQuant
		}
	}
	if f.quantization != "" {
		runner.Quantized(&b.Spec.Base, f.quantization)
		o.Requantized = true
	}
	if err := packedOtherwise(base, b.Spec.Base, f.quantization); err != nil {
		return nil, err
	}
	if b.Spec.Base.Quantization == "" && base.Quantized() == nil {
		e.say("the base is held in nf4-double: how training held it is not recorded; --quantization none holds it as its files have it")
	}
	o.Device, o.Threads, o.Quantization = f.device, runtime.GOMAXPROCS(0), talk.Held(base, b.Spec.Base)
	for _, a := range adapters {
		if _, err := talk.Read(a, base, o); err != nil {
			return nil, err
		}
	}
	warnPassedOver(e, f.device)
	if all, err := device.Resolve(f.device); err == nil && o.Memory > 0 && all[0] == device.CPU {
		e.say("warning: --memory limits what is taken of a GPU; the processor has no such limit")
	}
	m := newMeter(e.err)
	defer m.close()
	o.Loading = m.share("loading the base")
	return talk.Load(ctx, base, o)
}

// packedOtherwise returns an error if a base is quantized already, and otherwise than
// --quantization says, if that is not "".
func packedOtherwise(base *runner.Base, asked sweeps.Base, flag string) error {
	packed := base.Quantized()
	if flag == "" || packed == nil || talk.Held(base, asked) == *packed {
		return nil
	}
	has := runner.QuantizationName(*packed)
	return usageError{runner.WithHint(fmt.Errorf("--quantization %s: the base is quantized already, to %s, and is read as it is", flag, has), "leave --quantization out, say "+has+", or take a base that is not quantized")}
}
