package bench

import "strings"

// peaks are dense bfloat16 products with float32 accumulation, in FLOP a second,
// from the vendor's datasheets, by a part of the device's name. Of two that
// match, the first counts.
var peaks = []struct {
	name string
	flop float64
}{
	{"H100 PCIe", 756e12},
	{"H100", 989e12},
	{"H200", 989e12},
	{"A100", 312e12},
	{"L40S", 362e12},
	{"A10", 125e12},
	{"RTX 4090", 165e12},
	{"RTX 3090", 71e12},
}

// peak returns that of a device, 0 where nothing is known of it.
func peak(gpu string) float64 {
	for _, p := range peaks {
		if strings.Contains(gpu, p.name) {
			return p.flop
		}
	}
	return 0
}
