package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"daybook/engine"
)

// cacheOf returns a cache that remembers every file.
func cacheOf(t *testing.T) *Cache {
	t.Helper()
	return &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Least: 1}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCachedBase(t *testing.T) {
	for _, fixture := range []string{"tiny", "sharded", "half"} {
		for _, q := range []Quantization{{Kind: "nf4"}, {Kind: "nf4", DoubleQuant: true}} {
			dir := filepath.Join("testdata", fixture)
			want := load(t, open(t, dir), q)
			c := cacheOf(t)
			b, err := OpenCached(dir, c)
			if err != nil {
				t.Fatal(err)
			}
			if got := load(t, b, q); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %+v: other weights with an empty cache", fixture, q)
			}
			kept := files(t, filepath.Join(c.Dir, "bases", "*"))
			if len(kept) != 1 {
				t.Fatalf("%s, %+v: kept %v", fixture, q, kept)
			}
			f := c.open(b, q)
			if f == nil {
				t.Fatalf("%s, %+v: what was kept is not found", fixture, q)
			}
			f.Close() //nolint:errcheck // nothing was written
			if got := load(t, b, q); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %+v: other weights from the cache", fixture, q)
			}
			if other := (Quantization{Kind: "nf4", DoubleQuant: !q.DoubleQuant}); c.open(b, other) != nil {
				t.Errorf("%s: what is kept for %+v is taken for %+v", fixture, q, other)
			}

			// A damaged byte: the base is quantized again.
			data, err := os.ReadFile(kept[0])
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)-200] ^= 1
			if err := os.WriteFile(kept[0], data, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := load(t, b, q); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %+v: other weights from a damaged cache", fixture, q)
			}
			if again, err := os.ReadFile(kept[0]); err != nil || reflect.DeepEqual(again, data) {
				t.Errorf("%s, %+v: the damaged file is still there, %v", fixture, q, err)
			}
		}
	}
}

// TestCacheKeepsWhatIsWorthIt: neither small bases, nor bases that are quantized
// already, nor those that are not to be.
func TestCacheKeepsWhatIsWorthIt(t *testing.T) {
	for _, c := range []struct {
		fixture string
		least   int64
		q       Quantization
	}{
		{"tiny", 0, Quantization{Kind: "nf4"}},
		{"tiny", 1, Quantization{Kind: "none"}},
		{"packed", 1, packed["packed"]},
	} {
		cache := cacheOf(t)
		cache.Least = c.least
		b, err := OpenCached(filepath.Join("testdata", c.fixture), cache)
		if err != nil {
			t.Fatal(err)
		}
		load(t, b, c.q)
		if kept := files(t, filepath.Join(cache.Dir, "bases", "*")); len(kept) != 0 {
			t.Errorf("%+v: kept %v", c, kept)
		}
	}
}

// TestCacheCannotBeWritten: it is a help, not a need.
func TestCacheCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := OpenCached("testdata/tiny", &Cache{Dir: blocked, Least: 1})
	if err != nil {
		t.Fatal(err)
	}
	load(t, b, Quantization{Kind: "nf4"})
}

func TestCachedDigests(t *testing.T) {
	s, c := copyOf(t, "tiny"), cacheOf(t)
	path := filepath.Join(s.dir, weightsFile)
	if info, err := os.Stat(path); err != nil || identity(info) == "" {
		t.Skip("files have no identity here")
	}
	digest := func() [32]byte {
		t.Helper()
		b, err := OpenCached(s.dir, c)
		if err != nil {
			t.Fatal(err)
		}
		return b.Digest()
	}
	notes := func() int { return len(files(t, filepath.Join(c.Dir, "digests", "*"))) }
	first := digest()
	if notes() != 0 {
		t.Error("the digest of a file that has just changed is remembered")
	}
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{configFile, weightsFile} {
		if err := os.Chtimes(filepath.Join(s.dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if digest() != first || notes() != 2 {
		t.Errorf("%d digests are remembered, want 2", notes())
	}
	for _, note := range files(t, filepath.Join(c.Dir, "digests", "*")) {
		if err := os.WriteFile(note, []byte("00000000000000000000000000000000000000000000000000000000000000aa"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if digest() == first {
		t.Error("remembered digests are not used")
	}
	// The same size and time, another byte.
	data := []byte(s.read(weightsFile))
	data[len(data)-1] ^= 1
	s.write(weightsFile, string(data))
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if d, err := c.digest(s.dir, weightsFile); err != nil || d.SHA256[31] == 0xaa {
		t.Errorf("a changed file has the digest remembered before, %v", err)
	}
}

// TestFileGetsShorter: what is mapped and gone is an error, not a crash.
func TestFileGetsShorter(t *testing.T) {
	s := copyOf(t, "tiny")
	f, err := OpenFile(filepath.Join(s.dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	v, err := f.view(projectionTensor(1, engine.Down))
	if err != nil {
		t.Fatal(err)
	}
	s.truncate(weightsFile, 0)
	err = guard(func() error {
		_, err := v.Float32()
		return err
	})
	if !errors.Is(err, errFault) {
		t.Errorf("error %v, want %v", err, errFault)
	}
}
