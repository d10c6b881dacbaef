package folder

import (
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Create returns a file that takes the place of path when it is closed with
// CloseAtomicallyReplace, whole and synced, and is removed by Cleanup before that.
//
// Until then it lies beside path. The default of renameio is the system's folder of
// temporary files, where nobody would look for the confidential text or the key
// that a killed process leaves.
func Create(path string, perm os.FileMode) (*renameio.PendingFile, error) {
	return renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(perm))
}

// WriteFile puts data into a file as Create does: the whole of it or nothing.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	return renameio.WriteFile(path, data, perm, renameio.WithTempDir(filepath.Dir(path)))
}
