package runner

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Version is the release of Daybook.
const Version = "0.1.0"

// Build describes the running binary for the ledger.
func Build() map[string]string {
	b := map[string]string{
		"daybook":  Version,
		"go":       runtime.Version(),
		"platform": runtime.GOOS + "/" + runtime.GOARCH,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision", "vcs.modified", "-tags", "CGO_ENABLED":
				b[strings.TrimPrefix(s.Key, "-")] = s.Value
			}
		}
	}
	return b
}

// environment describes the machine and the build for the ledger. It names no
// host and no user: the ledger travels with adapters.
func environment() map[string]string {
	e := Build()
	e["cpus"] = strconv.Itoa(runtime.NumCPU())
	if model := cpuModel(); model != "" {
		e["cpu"] = model
	}
	return e
}

// cpuModel returns the processor's name where the system tells it.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
