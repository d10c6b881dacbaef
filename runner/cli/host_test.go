package cli

import (
	"testing"

	"daybook/engine/checkpoint"
	"daybook/runner"
	"daybook/sweeps"
)

// A base that is quantized already is refused in the words of the flag, not of a sweep.
func TestPackedOtherwise(t *testing.T) {
	for _, c := range []struct{ folder, flag, says, hint string }{
		{"packed", "", "", ""},
		{"packed", "nf4-double", "", ""},
		{"packed", "none", "--quantization none: the base is quantized already, to nf4-double, and is read as it is", "leave --quantization out, say nf4-double, or take a base that is not quantized"},
		{"packed", "nf4", "--quantization nf4: the base is quantized already, to nf4-double, and is read as it is", "leave --quantization out, say nf4-double, or take a base that is not quantized"},
		{"packed-plain", "nf4", "", ""},
		{"tiny", "none", "", ""},
	} {
		base, err := checkpoint.Open("../../engine/checkpoint/testdata/" + c.folder)
		if err != nil {
			t.Fatal(err)
		}
		var asked sweeps.Base
		if c.flag != "" {
			runner.Quantized(&asked, c.flag)
		}
		says, hint := "", ""
		if err := packedOtherwise(&runner.Base{Base: base}, asked, c.flag); err != nil {
			says, hint = err.Error(), runner.HintOf(err)
		}
		if says != c.says || hint != c.hint {
			t.Errorf("%s, --quantization %q: %q, hint %q", c.folder, c.flag, says, hint)
		}
	}
}
