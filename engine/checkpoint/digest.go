package checkpoint

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
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
	n, err := hashAhead(h, f)
	if err != nil {
		return Digested{}, err
	}
	d := Digested{Path: name, Bytes: n}
	h.Sum(d.SHA256[:0])
	return d, nil
}

// Pieces of a file that are read ahead of the hash, and how large they are: a few of
// them stay in a processor's cache.
const (
	ahead      = 4
	aheadPiece = 128 << 10
)

// hashAhead hashes what r holds and returns how much that was. One processor reads
// and another hashes: of a file in the system's cache, the one takes a third as long
// as the other.
func hashAhead(h hash.Hash, r io.Reader) (int64, error) {
	free, full := make(chan []byte, ahead), make(chan []byte, ahead)
	for range ahead {
		free <- nil // made when there is something to put in
	}
	var fault error // set before full is closed
	go func() {
		defer close(full)
		for fault == nil {
			piece := <-free
			if piece == nil {
				piece = make([]byte, aheadPiece)
			}
			var n int
			n, fault = io.ReadFull(r, piece)
			full <- piece[:n]
		}
	}()
	var bytes int64
	for piece := range full {
		h.Write(piece)
		bytes += int64(len(piece))
		free <- piece
	}
	if errors.Is(fault, io.EOF) || errors.Is(fault, io.ErrUnexpectedEOF) {
		fault = nil
	}
	return bytes, fault
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
