package bench

import "strings"

// peaks are dense bfloat16 products with float32 accumulation, in FLOP a second,
// from the vendor's datasheets, by whole words of the device's name: an A10 is no
// A10G, and an RTX A1000 no A100. Of two that match, the first counts.
var peaks = []struct {
	name string
	flop float64
}{
	{"H100 NVL", 835e12},
	{"H100 PCIe", 756e12},
	{"H100", 989e12},
	{"H200 NVL", 835e12},
	{"H200", 989e12},
	{"GH200", 989e12},
	{"A100", 312e12},
	{"L40S", 362e12},
	{"A10G", 70e12},
	{"A10", 125e12},
	{"RTX 4090", 165e12},
	{"RTX 3090", 71e12},
}

// peak returns that of a device, 0 where nothing is known of it.
func peak(gpu string) float64 {
	words := " " + strings.ReplaceAll(gpu, "-", " ") + " "
	for _, p := range peaks {
		if strings.Contains(words, " "+p.name+" ") {
			return p.flop
		}
	}
	return 0
}
