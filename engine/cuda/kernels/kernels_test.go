package kernels

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var architectures = []string{"sm_80", "sm_86", "sm_89", "sm_90a", Portable}

// listing is what MANIFEST says: the lines before the images, and of each image
// the digest of its bytes and of what it was made from.
type listing struct {
	head   []string
	images map[string][2]string
}

func readManifest(t *testing.T) listing {
	t.Helper()
	m := listing{images: map[string][2]string{}}
	for line := range strings.Lines(string(manifest)) {
		word := strings.Fields(line)
		switch {
		case len(word) == 4 && word[0] == "image":
			m.images[word[1]] = [2]string{word[2], word[3]}
		case len(word) > 1 && (word[0] == "compiler" || word[0] == "flags"):
			m.head = append(m.head, line)
		default:
			t.Fatalf("MANIFEST: %q", line)
		}
	}
	return m
}

// TestManifest checks that every operation has an image for every architecture,
// that each is the one that MANIFEST lists, and that it was made from the
// sources that lie here.
func TestManifest(t *testing.T) {
	m := readManifest(t)
	ops, err := filepath.Glob("*.cu")
	if err != nil || len(ops) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	wanted := map[string]bool{}
	for _, file := range ops {
		op := strings.TrimSuffix(file, ".cu")
		made := inputs(t, m, file)
		for _, arch := range architectures {
			name := arch + "/" + op + extension(arch)
			wanted[name] = true
			listed, ok := m.images[name]
			if !ok {
				t.Errorf("%s: not in MANIFEST; run build.py %s", name, op)
				continue
			}
			image, err := Image(arch, op)
			if err != nil {
				t.Error(err)
				continue
			}
			if got := digest(image); got != listed[0] {
				t.Errorf("%s: image has digest %.12s, MANIFEST says %.12s; run build.py %s", name, got, listed[0], op)
			}
			if made != listed[1] {
				t.Errorf("%s: not made from these sources; run build.py %s", name, op)
			}
		}
	}
	for name := range m.images {
		if !wanted[name] {
			t.Errorf("%s: in MANIFEST without a source; run build.py", name)
		}
	}
	err = fs.WalkDir(images, "images", func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "images/"), ".gz")
		if err == nil && !d.IsDir() && !wanted[name] {
			t.Errorf("%s: embedded without a source; run build.py", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestManifestOfScript compares what MANIFEST says of compiler and flags with what
// build.py has: a pin that moved without the images must not pass.
func TestManifestOfScript(t *testing.T) {
	text, err := os.ReadFile("build.py")
	if err != nil {
		t.Fatal(err)
	}
	constant := func(name, pattern string) string {
		t.Helper()
		found := regexp.MustCompile(`(?m)^` + name + ` = ` + pattern + `$`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("build.py: no %s", name)
		}
		return string(found[1])
	}
	list := func(name string) (words []string) {
		t.Helper()
		if err := json.Unmarshal([]byte(constant(name, `(\[.*\])`)), &words); err != nil {
			t.Fatalf("build.py: %s: %v", name, err)
		}
		return words
	}
	version := constant("VERSION", `"(.*)"`)
	want := []string{"compiler nvrtc " + version + "\n", "flags " + strings.Join(list("FLAGS"), " ") + "\n"}
	if got := readManifest(t).head; !slices.Equal(got, want) {
		t.Errorf("MANIFEST begins with %q, build.py's images with %q; run build.py", got, want)
	}
	if wheel := "nvidia-cuda-nvrtc-cu12==" + version + " "; !strings.Contains(string(text), wheel) {
		t.Errorf("build.py: version %s, but no wheel %s", version, wheel)
	}
	if got := list("ARCHITECTURES"); !slices.Equal(got, architectures) {
		t.Errorf("build.py compiles for %q, the engine has images for %q", got, architectures)
	}
}

var (
	include = regexp.MustCompile(`(?m)^\s*#\s*include\s+"([^"]+)"`)
	outside = regexp.MustCompile(`(?m)^\s*#\s*include\s*<`)
)

// inputs is the digest of everything that decides the images of a source, as
// build.py computes it.
func inputs(t *testing.T, m listing, source string) string {
	t.Helper()
	text := map[string][]byte{}
	for todo := []string{source}; len(todo) > 0; {
		file := todo[0]
		todo = todo[1:]
		if _, ok := text[file]; ok {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text[file] = data
		if outside.Match(data) {
			t.Errorf("%s: includes a header that is not in this folder, which no digest in MANIFEST covers", file)
		}
		for _, match := range include.FindAllSubmatch(data, -1) {
			todo = append(todo, string(match[1]))
		}
	}
	var files []string
	for file := range text {
		files = append(files, file)
	}
	slices.Sort(files)
	lines := strings.Join(m.head, "")
	for _, file := range files {
		lines += fmt.Sprintf("%s %s\n", digest(text[file]), file)
	}
	return digest([]byte(lines))
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
