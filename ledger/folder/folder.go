// Package folder makes changes of folders last, and files appear whole.
package folder

import (
	"errors"
	"os"
)

// Sync makes the names in a folder durable: those of files that were created,
// renamed or removed in it.
func Sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
