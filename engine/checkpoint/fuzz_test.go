package checkpoint

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// FuzzIndex opens real shards through an index from elsewhere. What is accepted
// names every tensor of the shards, and nothing outside the folder.
func FuzzIndex(f *testing.F) {
	const sharded = "testdata/sharded"
	data, err := os.ReadFile(filepath.Join(sharded, indexFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"weight_map": {"a": "..", "b": "x.safetensors"}}`))
	f.Add([]byte(`{"weight_map": {"a": "/etc/x.safetensors", "a": "model-00001-of-00003.safetensors"}}`))
	f.Add([]byte(`{"weight_map": null, "metadata": {"total_size": -1}}`))
	shards, err := filepath.Glob(filepath.Join(sharded, "*.safetensors"))
	if err != nil || len(shards) == 0 {
		f.Fatalf("%d shards, %v", len(shards), err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		for _, shard := range shards {
			from, err := filepath.Abs(shard)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(from, filepath.Join(dir, filepath.Base(shard))); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, indexFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := openWeights(dir)
		if err != nil {
			return
		}
		defer w.close()
		for _, file := range w.open {
			if filepath.Dir(file.Path) != dir {
				t.Errorf("%s is not in the folder", file.Path)
			}
			for tensor := range file.Tensors {
				if w.files[tensor] != file {
					t.Errorf("%s of %s is found elsewhere", tensor, file.Path)
				}
			}
		}
	})
}

// FuzzCard reads the license from model cards of any making. It is shown on one
// line and written into other cards, so it may hold nothing that ends a line.
func FuzzCard(f *testing.F) {
	for _, seed := range []string{
		"---\nlicense: mit\n---\n# A base\n", "---\r\nlicense: \"other\"\r\nlicense_name: 'llama3'\r\n---\r\n",
		"---\nlicense: other\n", "license: mit\n", "---\nlicense:\n- mit\n- apache-2.0\n---\n", "---\n" + strings.Repeat("x", 1<<16) + "\nlicense: mit\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "README.md"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		license, err := readLicense(dir)
		if err != nil {
			t.Fatal(err) // a card is for people; what it says stops no run
		}
		if quoted := strconv.Quote(license); quoted[1:len(quoted)-1] != strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(license) {
			t.Errorf("the license is %q", license)
		}
	})
}
