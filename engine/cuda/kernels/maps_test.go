package kernels

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"daybook/engine/nf4"
)

// TestMaps checks that the device's tables are those of package nf4, bit for bit.
func TestMaps(t *testing.T) {
	source, err := os.ReadFile("maps.cuh")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{
		"nf4_codes":        nf4.Codes[:],
		"dynamic_signed":   nf4.DynamicSigned[:],
		"dynamic_unsigned": nf4.DynamicUnsigned[:],
	} {
		body := regexp.MustCompile(`float ` + name + `\[\d+\] = \{([^}]*)\}`).FindSubmatch(source)
		if body == nil {
			t.Errorf("no table %s", name)
			continue
		}
		values := strings.FieldsFunc(string(body[1]), func(r rune) bool { return strings.ContainsRune(", \n", r) })
		if len(values) != len(want) {
			t.Errorf("%s has %d values, want %d", name, len(values), len(want))
			continue
		}
		for i, text := range values {
			if v, err := strconv.ParseFloat(strings.TrimSuffix(text, "f"), 32); err != nil || float32(v) != want[i] {
				t.Errorf("%s[%d] is %s, want %g", name, i, text, want[i])
			}
		}
	}
}
