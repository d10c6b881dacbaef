//go:build !unix

package checkpoint

import "os"

// mapFile reads the first size bytes of f.
func mapFile(f *os.File, size int64) ([]byte, error) {
	data := make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil {
		return nil, err
	}
	return data, nil
}

func unmapFile([]byte) error { return nil }

func forget([]byte, int64, int64) {}
