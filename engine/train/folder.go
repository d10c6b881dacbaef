package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// temporary starts the name of a folder that is not complete.
const temporary = ".tmp-"

func epochName(epoch int) string { return fmt.Sprintf("epoch-%03d", epoch) }

func checkpointName(step, epochs int) string {
	return fmt.Sprintf("step-%08d-epoch-%03d", step, epochs)
}

// parseCheckpoint is the inverse of checkpointName.
func parseCheckpoint(name string) (step, epochs int, ok bool) {
	if _, err := fmt.Sscanf(name, "step-%d-epoch-%d", &step, &epochs); err != nil {
		return 0, 0, false
	}
	return step, epochs, name == checkpointName(step, epochs)
}

// Latest returns the newest checkpoint in a run's folder, "" if there is none.
func Latest(dir string) (string, error) {
	names, err := list(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("checkpoints: %w", err)
	}
	newest, step, epochs := "", -1, -1
	for _, name := range names {
		if s, e, ok := parseCheckpoint(name); ok && (s > step || s == step && e > epochs) {
			newest, step, epochs = filepath.Join(dir, name), s, e
		}
	}
	return newest, nil
}

// prepare creates a run's folder and clears it of what an earlier process left
// half written.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	names, err := list(dir)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, temporary) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("folder: %w", err)
			}
		}
	}
	return nil
}

// removeOthers removes all checkpoints in dir but one.
func removeOthers(dir, keep string) error {
	names, err := list(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, _, ok := parseCheckpoint(name); ok && name != keep {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// writeFolder has fill write the files of a new folder under a temporary name,
// syncs them and renames it to path, replacing a folder of that name, so that
// path is whole or absent.
func writeFolder(path string, fill func(dir string) error) (err error) {
	tmp := filepath.Join(filepath.Dir(path), temporary+filepath.Base(path))
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := fill(tmp); err != nil {
		return err
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := sync(filepath.Join(tmp, e.Name())); err != nil {
			return err
		}
	}
	if err := sync(tmp); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return sync(filepath.Dir(path))
}

// sync makes the content of a file or folder durable.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
