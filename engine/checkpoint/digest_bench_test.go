package checkpoint

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const benchBytes = 512 << 20 // hashed in the blink of an eye, and too much for a processor's cache

// weightsOf writes files of weights that changed long ago.
func weightsOf(b *testing.B, files int) (dir string, names []string) {
	b.Helper()
	dir = b.TempDir()
	data := make([]byte, benchBytes/files)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	long := time.Now().Add(-time.Hour)
	for i := range files {
		name := fmt.Sprintf("model-%d.safetensors", i)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Chtimes(path, long, long); err != nil {
			b.Fatal(err)
		}
		names = append(names, name)
	}
	return dir, names
}

// perProcessor also reports how much is done in a second of a processor, which says
// more than the clock where others compute too.
func perProcessor(b *testing.B, bytes int64, do func()) {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.SetBytes(bytes)
	before := used()
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64(bytes)*float64(b.N)/1e9/(used()-before).Seconds(), "GB/cpu-s")
}

// BenchmarkDigest digests the files of a base that are in the system's cache: one, as
// small bases have, and shards; "hash" is SHA-256 alone, the most that there is.
func BenchmarkDigest(b *testing.B) {
	b.Run("hash", func(b *testing.B) {
		data := make([]byte, 1<<20)
		perProcessor(b, int64(len(data)), func() { sha256.Sum256(data) })
	})
	for _, files := range []int{1, 8} {
		dir, names := weightsOf(b, files)
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			perProcessor(b, benchBytes, func() {
				base := &Base{dir: dir}
				if err := base.digestFiles(names); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkDigestKept looks the digest of files up that haven't changed.
func BenchmarkDigestKept(b *testing.B) {
	dir, names := weightsOf(b, 8)
	time.Sleep(settled) // their identities are of now
	base := &Base{dir: dir, cache: &Cache{Dir: filepath.Join(b.TempDir(), "cache"), Least: 1}}
	if err := base.digestFiles(names); err != nil {
		b.Fatal(err)
	}
	kept := base.digest
	for b.Loop() {
		if err := base.digestFiles(names); err != nil {
			b.Fatal(err)
		}
	}
	if base.digest != kept {
		b.Error("another digest")
	}
}
