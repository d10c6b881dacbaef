//go:build cuda

package cuda

import (
	"errors"
	"strings"
	"testing"
)

// TestProductsAbsent needs no GPU: without cuBLASLt the error names every place where
// it was looked for, and advises. TestBuildTag runs it.
func TestProductsAbsent(t *testing.T) {
	err := loadProducts()
	if err == nil {
		t.Skip("cuBLASLt is there")
	}
	var hint interface{ Hint() string }
	if !errors.Is(err, ErrUnavailable) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "LD_LIBRARY_PATH") {
		t.Errorf("%v: not unavailable, or without advice", err)
	}
	said := strings.TrimPrefix(err.Error(), "cuBLASLt: ")
	for _, folder := range []string{"", "/usr/local/cuda/lib64/", "/opt/cuda/lib64/"} {
		for _, soname := range []string{"libcublasLt.so.13", "libcublasLt.so.12"} {
			if !strings.HasPrefix(said, folder+soname+":") && !strings.Contains(said, "; "+folder+soname+":") {
				t.Errorf("%v\ndoes not name %s", err, folder+soname)
			}
		}
	}
}
