package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"daybook/runner"
)

// units are the powers of 1024 and of 1000 that an amount of memory may end with; a
// letter alone is a power of 1024, as GNU tools have it.
var units = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"K", 1 << 10},
	{"k", 1 << 10},
	{"M", 1 << 20},
	{"G", 1 << 30},
	{"T", 1 << 40},
}

// memoryLimit reads the value of --memory, in bytes; 0 if there is none.
func memoryLimit(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return byteAmount("--memory", text, "24GiB")
}

// byteAmount reads the value of a flag that is an amount of memory, in bytes.
func byteAmount(flag, text, example string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if bytes := n * u.bytes; err == nil && bytes >= 1 && bytes < math.MaxInt64 {
			return int64(bytes), nil
		}
	}
	return 0, usageError{runner.WithHint(fmt.Errorf("%s: %s is no amount of memory", flag, text), "write a number and a unit, such as "+example)}
}
