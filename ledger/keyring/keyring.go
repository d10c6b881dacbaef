// Package keyring keeps what signs a ledger's heads on the machine of its owner:
// private keys, and beside them the last head that was seen. It lies outside the
// repository, so that whoever is handed a repository is handed no key, and so that
// an older copy of a ledger, put back, is noticed.
//
// A log's keys are in the folder of its origin's last element:
//
//	<config>/daybook/keys/<hex>/<hash>.key  a note signer's key (golang.org/x/mod/sumdb/note),
//	                                        as it is or encrypted with a passphrase (age)
//	<config>/daybook/keys/<hex>/attestation.pem  an ECDSA P-256 key in PKCS #8, likewise, that
//	                                        signs what leaves with adapters
//	<config>/daybook/keys/<hex>/head        the newest head that this machine signed
//
// <config> is the user's folder for configuration (XDG_CONFIG_HOME on Linux). Files
// have mode 0600, folders 0700.
package keyring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger/folder"

	"daybook/ledger/evidence"
)

// ErrNoKey is wrapped by errors about keys that this machine doesn't have.
var ErrNoKey = errors.New("no such key on this machine")

// Ring is a folder of keys.
type Ring struct {
	Dir string // "" if the user has no folder for configuration
	// Passphrase asks for the passphrase of a key that has one. A Ring without it
	// can't use such keys.
	Passphrase func() (string, error)

	swept sync.Once // of what killed processes left
}

// Default returns the folder of the user's keys. Nothing is made in it yet.
func Default() *Ring {
	config, err := os.UserConfigDir()
	if err != nil {
		return &Ring{}
	}
	return &Ring{Dir: filepath.Join(config, "daybook", "keys")}
}

const folderHint = "set XDG_CONFIG_HOME to a folder of yours outside the repository: keys are kept below it"

// originPrefix begins the origin of every ledger. What follows is random: an
// origin says nothing of whose it is or where.
const originPrefix = "daybook/"

// NewOrigin returns the name of a log that there is none of yet.
func NewOrigin() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	return originPrefix + hex.EncodeToString(id[:])
}

// Make makes another key for a log and returns it with its public key. If like is
// a key with a passphrase, the new one gets the same.
func (r *Ring) Make(origin, like string) (note.Signer, string, error) {
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, "", fmt.Errorf("key: %w", err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, "", fmt.Errorf("key: %w", err)
	}
	path, err := r.path(public)
	if err != nil {
		return nil, "", err
	}
	data := []byte(private + "\n")
	if like != "" && r.Protected(like) {
		passphrase, err := r.passphrase()
		if err != nil {
			return nil, "", err
		}
		if data, err = encrypt(data, passphrase); err != nil {
			return nil, "", err
		}
	}
	return signer, public, r.write(path, data)
}

// Signer returns the private key of a public one. The error wraps ErrNoKey if it
// is not here.
func (r *Ring) Signer(public string) (note.Signer, error) {
	data, err := r.plain(public)
	if err != nil {
		return nil, err
	}
	const hint = "restore the key's file from a backup"
	signer, err := note.NewSigner(strings.TrimSpace(string(data)))
	if err != nil {
		return nil, hinted{fmt.Errorf("key %s: %w", public, err), hint}
	}
	verifier, err := note.NewVerifier(public)
	if err != nil || verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return nil, hinted{fmt.Errorf("key %s: its file holds another key", public), hint}
	}
	return signer, nil
}

// plain returns a key's file, decrypted if need be.
func (r *Ring) plain(public string) ([]byte, error) {
	path, err := r.path(public)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key %s: %w", public, ErrNoKey)
	}
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if encrypted(data) {
		return r.decrypt(data)
	}
	return data, nil
}

// Has reports whether a private key is here.
func (r *Ring) Has(public string) bool {
	path, err := r.path(public)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

// Remove forgets a private key.
func (r *Ring) Remove(public string) error {
	path, err := r.path(public)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("key: %w", err)
	}
	return nil
}

// Seen returns the newest head of a log that this machine has signed, as a note,
// nil if it has signed none.
func (r *Ring) Seen(origin string) ([]byte, error) {
	folder, err := r.Folder(origin)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(folder, headFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last head: %w", err)
	}
	return data, nil
}

// See keeps a head that has just been signed, unless a larger one is there: two
// processes may come in either order.
func (r *Ring) See(origin string, signed []byte) error {
	head, err := evidence.PeekHead(signed)
	if err != nil {
		return err
	}
	if old, err := r.Seen(origin); err == nil && old != nil {
		if seen, err := evidence.PeekHead(old); err == nil && seen.Size > head.Size {
			return nil
		}
	}
	folder, err := r.Folder(origin)
	if err != nil {
		return err
	}
	return r.write(filepath.Join(folder, headFile), signed)
}

const headFile = "head"

// Folder returns where the keys of a log are. Whatever the origin, it is a folder
// below r.Dir.
func (r *Ring) Folder(origin string) (string, error) {
	if r.Dir == "" {
		return "", hinted{errors.New("keys: this user has no folder for configuration"), folderHint}
	}
	name := strings.TrimPrefix(origin, originPrefix)
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			name = hex.EncodeToString([]byte(origin))
			break
		}
	}
	return filepath.Join(r.Dir, name), nil
}

func (r *Ring) path(public string) (string, error) {
	v, err := note.NewVerifier(public)
	if err != nil {
		return "", fmt.Errorf("key %q: %w", public, err)
	}
	folder, err := r.Folder(v.Name())
	return filepath.Join(folder, fmt.Sprintf("%08x.key", v.KeyHash())), err
}

func (r *Ring) write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return advised(fmt.Errorf("keys: %w", err))
	}
	if err := folder.WriteFile(path, data, 0o600); err != nil {
		return advised(fmt.Errorf("keys: %w", err))
	}
	r.sweepUp()
	return nil
}

// advised adds what to do about a folder that can't be written. Another folder is no
// answer to a disk that is full or broken.
func advised(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO) {
		return err
	}
	return hinted{err, folderHint}
}

// hinted is an error that tells its reader what to do about it.
type hinted struct {
	error
	hint string
}

// Hint returns advice for the user.
func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }
