package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// field is a line of a meta.yaml.
type field struct {
	name  string
	value any
}

// writeMeta writes a folder with its meta.yaml. A value in JSON is one in YAML, too.
func writeMeta(dir string, fields []field) error {
	var out bytes.Buffer
	for _, f := range fields {
		data, err := json.Marshal(f.value)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s: %s\n", f.name, data)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "meta.yaml"), out.Bytes(), 0o644)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
