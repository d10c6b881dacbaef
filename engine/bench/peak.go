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

// Utilisation returns which part of what its device's datasheet promises r's
// model arithmetic came to, 0 where nothing is known of the device.
func (r Result) Utilisation() float64 {
	for _, p := range peaks {
		if strings.Contains(r.Device["gpu"], p.name) {
			return r.FLOP / r.Seconds / p.flop
		}
	}
	return 0
}
