package hub

import (
	"context"
	"crypto/sha1" // git names contents by it
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// blob is the contents of a file: its digest, which names it, and its size.
type blob struct {
	etag string // 64 hexadecimal digits of SHA-256, or 40 of a git blob
	size int64
}

var etagPattern = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// hash returns what the contents are digested with.
func (b blob) hash() hash.Hash {
	if len(b.etag) == hex.EncodedLen(sha256.Size) {
		return sha256.New()
	}
	h := sha1.New()
	h.Write(fmt.Appendf(nil, "blob %d\x00", b.size))
	return h
}

// head asks for the blob of a file at a commit.
func (c *Client) head(ctx context.Context, address string) (b blob, err error) {
	err = c.persist(ctx, func() (bool, error) {
		resp, err := c.do(ctx, http.MethodHead, address, nil, false)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close() //nolint:errcheck // there is none
		first := func(names ...string) string {
			for _, name := range names {
				if v := resp.Header.Get(name); v != "" {
					return v
				}
			}
			return ""
		}
		b.etag = strings.Trim(strings.TrimPrefix(first("X-Linked-Etag", "Etag"), "W/"), `"`)
		if !etagPattern.MatchString(b.etag) {
			return false, errors.New("the Hub gives no digest for it")
		}
		if b.size, err = strconv.ParseInt(first("X-Linked-Size", "Content-Length"), 10, 64); err != nil || b.size < 0 {
			return false, errors.New("the Hub gives no size for it")
		}
		return false, nil
	})
	return b, err
}

// fetch makes sure that b lies at path, which is named after it: whole, or not
// there. What was fetched before it broke off is continued.
func (c *Client) fetch(ctx context.Context, address string, b blob, path, lock, file string) error {
	release, err := acquire(ctx, lock)
	if err != nil {
		return err
	}
	defer release()
	if _, err := os.Stat(path); err == nil {
		return nil // by whoever held the lock before
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := path + ".incomplete"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	d := &download{c: c, b: b, f: f, file: file, h: b.hash()}
	err = d.begin()
	if err == nil {
		err = c.persist(ctx, func() (bool, error) {
			before := d.at
			err := d.more(ctx, address)
			return d.at > before, err
		})
	}
	if err == nil && hex.EncodeToString(d.h.Sum(nil)) != b.etag {
		err = ErrDigest
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if errors.Is(err, ErrDigest) {
			err = errors.Join(err, os.Remove(part))
		}
		return err
	}
	return os.Rename(part, path)
}

// download is a blob on its way into a file.
type download struct {
	c    *Client
	b    blob
	f    *os.File
	file string
	at   int64     // bytes in f
	h    hash.Hash // of them
}

// begin digests what is there already.
func (d *download) begin() (err error) {
	if d.at, err = io.Copy(d.h, d.f); err != nil || d.at <= d.b.size {
		return err
	}
	return d.restart()
}

func (d *download) restart() error {
	d.at, d.h = 0, d.b.hash()
	_, err := d.f.Seek(0, io.SeekStart)
	return errors.Join(err, d.f.Truncate(0))
}

// more fetches what is missing, or as much of it as comes.
func (d *download) more(ctx context.Context, address string) error {
	d.tell()
	if d.at == d.b.size {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := http.Header{}
	if d.at > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", d.at))
	}
	resp, err := d.c.do(ctx, http.MethodGet, address, header, true)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing more is read
	if d.at > 0 && (resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", d.at))) {
		if err := d.restart(); err != nil { // the server sends all of it again
			return err
		}
		if resp.StatusCode == http.StatusPartialContent {
			return transient{errors.New("another part than was asked for"), 0}
		}
	}
	wait := d.c.patience
	if wait == 0 {
		wait = patience
	}
	stalled := time.AfterFunc(wait, cancel)
	defer stalled.Stop()
	buffer := make([]byte, 1<<18)
	for d.at < d.b.size {
		n, err := resp.Body.Read(buffer[:min(int64(len(buffer)), d.b.size-d.at)])
		stalled.Reset(wait)
		if n > 0 {
			if _, err := d.f.Write(buffer[:n]); err != nil {
				return err
			}
			d.h.Write(buffer[:n])
			d.at += int64(n)
			d.tell()
		}
		if err != nil && d.at < d.b.size {
			return transient{fmt.Errorf("broke off after %d of %d bytes: %w", d.at, d.b.size, err), 0}
		}
	}
	return nil
}

func (d *download) tell() {
	if d.c.Progress != nil {
		d.c.Progress(d.file, d.at, d.b.size)
	}
}
