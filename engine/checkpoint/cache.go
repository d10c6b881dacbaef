package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"daybook/engine"
)

// Cache is a folder that remembers what takes long to find out about large bases:
// the digests of files that have not changed, and projections as quantized. All of
// it can be deleted at any time, and nothing of it changes a result. A nil Cache
// remembers nothing. It is safe for several processes.
type Cache struct {
	Dir string // made when there is something to remember
	// Least is the size in bytes from which files are worth it; 0 means 64 MiB.
	Least int64
}

func (c *Cache) worth(bytes int64) bool {
	least := int64(64 << 20)
	if c != nil && c.Least > 0 {
		least = c.Least
	}
	return c != nil && bytes >= least
}

// settled is how long a file must not have changed before its digest is
// remembered: clocks of file systems are coarse, and a change right after the
// digest could look like none.
const settled = 2 * time.Second

// digest is digestFile, unless the file is as it was the last time.
func (c *Cache) digest(dir, name string) (Digested, error) {
	path := filepath.Join(dir, name)
	before, err := os.Stat(path)
	if err != nil || !c.worth(before.Size()) || identity(before) == "" {
		return digestFile(dir, name)
	}
	key := sha256.Sum256([]byte(identity(before)))
	note := filepath.Join(c.Dir, "digests", hex.EncodeToString(key[:16]))
	d := Digested{Path: name, Bytes: before.Size()}
	if text, err := os.ReadFile(note); err == nil && len(text) == 2*len(d.SHA256) {
		if _, err := hex.Decode(d.SHA256[:], text); err == nil {
			return d, nil
		}
	}
	if d, err = digestFile(dir, name); err != nil {
		return d, err
	}
	after, err := os.Stat(path)
	if err == nil && identity(after) == identity(before) && time.Since(after.ModTime()) > settled {
		if os.MkdirAll(filepath.Dir(note), 0o700) == nil {
			_ = renameio.WriteFile(note, hex.AppendEncode(nil, d.SHA256[:]), 0o600) // without it the file is read again
		}
	}
	return d, nil
}

// cacheVersion rises whenever the same weights quantize to other bytes.
const cacheVersion = 1

func (c *Cache) path(b *Base, q Quantization) string { return c.BaseFile(b.digest, q) }

// BaseFile returns the file that a base of some digest is in, as q quantizes it, if it
// is remembered. Other files of its folder are of no use to anybody.
func (c *Cache) BaseFile(digest [32]byte, q Quantization) string {
	key := sha256.Sum256(fmt.Appendf(nil, "%d %x %s %t", cacheVersion, digest, q.Kind, q.DoubleQuant))
	return filepath.Join(c.Dir, "bases", hex.EncodeToString(key[:16])+".safetensors")
}

// open returns the projections of b as quantized before, nil if they were not.
func (c *Cache) open(b *Base, q Quantization) *File {
	if c == nil {
		return nil
	}
	f, err := OpenFile(c.path(b, q))
	if err != nil {
		return nil
	}
	w := &weights{packed: &q, files: map[string]*File{}}
	for name := range f.Tensors {
		w.files[name] = f
	}
	for i := range b.shape.Layers {
		for p := range engine.NumProjections {
			rows, cols := p.Dims(b.shape)
			if w.checkPacked(projectionTensor(i, p), []int{rows, cols}, map[string][]int{}) != nil {
				f.Close() //nolint:errcheck // nothing was written
				return nil
			}
		}
	}
	return f
}

func (c *Cache) drop(b *Base, q Quantization) { _ = os.Remove(c.path(b, q)) } // it is written anew

// keep writes the projections of h, which is b as Load quantized it. It is no
// error if that fails, of a full disk for example.
func (c *Cache) keep(b *Base, q Quantization, h *engine.HostWeights) {
	if !c.worth(b.Parameters().Linear / 2) {
		return
	}
	contents := Contents{Tensors: map[string]Tensor{}, Metadata: map[string]string{"format": "pt"}}
	sums := make([][engine.NumProjections]string, len(h.Layers))
	var g errgroup.Group
	g.SetLimit(8)
	for i := range h.Layers {
		for p, m := range h.Layers[i].Proj {
			packTensors(contents.Tensors, projectionTensor(i, engine.Projection(p)), m)
		}
		g.Go(func() error {
			for p, m := range h.Layers[i].Proj {
				sums[i][p] = packedSum(m.NF4)
			}
			return nil
		})
	}
	_ = g.Wait() // sums do not fail
	for i := range h.Layers {
		for p := range engine.NumProjections {
			contents.Metadata[projectionTensor(i, p)] = sums[i][p]
		}
	}
	path := c.path(b, q)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return
	}
	defer os.RemoveAll(temp) //nolint:errcheck // of no use to anybody
	file := filepath.Join(temp, weightsFile)
	if WriteFile(file, contents) == nil {
		_ = os.Rename(file, path)
	}
}

func packedSum(q *engine.NF4) string {
	h := sha256.New()
	h.Write(q.Codes)
	h.Write(scaleBytes(q))
	return hex.EncodeToString(h.Sum(nil))
}

// checkSum compares a cached weight with the sum kept beside it.
func checkSum(f *File, name string, q *engine.NF4) error {
	if f.Metadata[name] != packedSum(q) {
		return fmt.Errorf("%w: other bytes than were written", fs.ErrInvalid)
	}
	return nil
}
