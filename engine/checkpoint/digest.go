package checkpoint

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Digested is a file with the SHA-256 of its bytes.
type Digested struct {
	Path   string // relative to the folder
	Bytes  int64
	SHA256 [sha256.Size]byte
}

// digestFile hashes dir/name.
func digestFile(dir, name string) (Digested, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return Digested{}, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Digested{}, err
	}
	d := Digested{Path: name, Bytes: n}
	h.Sum(d.SHA256[:0])
	return d, nil
}

// digestSet identifies a set of files: SHA-256 over one line "hash  name\n" for
// each, sorted by name, which is what sha256sum prints for them.
func digestSet(files []Digested) [sha256.Size]byte {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b Digested) int { return strings.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, f := range files {
		h.Write(fmt.Appendf(nil, "%x  %s\n", f.SHA256, f.Path))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// readLicense returns the "license" of a model card's front matter, the YAML
// between two lines of dashes that Hugging Face cards begin with; "" if there
// is no card or it names none. For "other" it returns license_name if given. A
// name with anything but printable characters is none: it goes to terminals and
// into other cards.
func readLicense(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, "README.md"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	found := map[string]string{}
	sc := bufio.NewScanner(f)
	for line := 0; sc.Scan(); line++ {
		text := strings.TrimRight(sc.Text(), " \r")
		if line == 0 {
			if text != "---" {
				return "", nil
			}
			continue
		}
		if text == "---" {
			break
		}
		key, value, ok := strings.Cut(text, ":")
		if ok && (key == "license" || key == "license_name") {
			if value = strings.Trim(strings.TrimSpace(value), `"'`); printable(value) {
				found[key] = value
			}
		}
	}
	if err := sc.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return "", err
	}
	if name := found["license_name"]; found["license"] == "other" && name != "" {
		return name, nil
	}
	return found["license"], nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
