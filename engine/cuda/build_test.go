package cuda

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestBuildTag builds this package with the tag against the headers of each toolkit
// that `kernels/build.py --headers` has fetched, as a program, and
// runs its test that needs no GPU. The driver must not be among the libraries that
// the program needs to start.
func TestBuildTag(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program for each toolkit")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the CUDA engine is for Linux")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	found, err := filepath.Glob(filepath.Join(cache, "daybook/cuda/headers-*/nvidia/*/include/cuda.h"))
	if err != nil || len(found) == 0 {
		t.Skip("no headers of the CUDA driver; `python3 engine/cuda/kernels/build.py --headers` fetches them")
	}
	shim, err := filepath.Abs("include")
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range found {
		name, _, _ := strings.Cut(strings.TrimPrefix(header, filepath.Join(cache, "daybook/cuda")+"/headers-"), "/")
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "program")
			build := exec.Command("go", "test", "-c", "-tags", "cuda", "-o", program, ".")
			build.Env = append(os.Environ(), "CGO_CFLAGS=-I"+shim+" -I"+filepath.Dir(header))
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			f, err := elf.Open(program)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }() // it was only read
			libraries, err := f.ImportedLibraries()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range libraries {
				if strings.HasPrefix(l, "libcu") || strings.HasPrefix(l, "libnv") {
					t.Errorf("the program needs %s to start", l)
				}
			}
			symbols, err := f.Symbols()
			if err != nil {
				t.Fatal(err)
			}
			slots := 0
			for _, s := range symbols {
				if strings.HasPrefix(s.Name, "slot_cu") {
					slots++
					if f.Sections[s.Section].Flags&elf.SHF_WRITE == 0 {
						t.Fatalf("%s lies where loading the driver can't write to it", s.Name)
					}
				}
			}
			if slots < 100 {
				t.Errorf("%d slots for functions of the driver", slots)
			}
			if out, err := exec.Command(program, "-test.run=^TestProductsAbsent$").CombinedOutput(); err != nil {
				t.Errorf("what needs no GPU: %v\n%s", err, out)
			}
		})
	}
}
