package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// ErrPassphrase is wrapped by errors about a passphrase that is missing or wrong.
var ErrPassphrase = errors.New("passphrase")

// workFactor makes a guess at a passphrase, and every command that adds to a
// ledger, cost about a quarter of a second: scrypt with N = 2^16.
const workFactor = 16

// Protect encrypts a key with a passphrase, or with "" decrypts it, in its place.
func (r *Ring) Protect(public, passphrase string) error {
	path, err := r.path(public)
	if err != nil {
		return err
	}
	data, err := r.plain(public)
	if err != nil {
		return err
	}
	if passphrase != "" {
		if data, err = encrypt(data, passphrase); err != nil {
			return err
		}
	}
	if err := r.protectAttestation(filepath.Dir(path), passphrase); err != nil {
		return err
	}
	return r.write(path, data)
}

// encrypted reports whether a key file wants a passphrase.
func encrypted(data []byte) bool { return bytes.HasPrefix(data, []byte("age-encryption.org/")) }

func encrypt(data []byte, passphrase string) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("key: %w: %w", ErrPassphrase, err)
	}
	recipient.SetWorkFactor(workFactor)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipient)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	_, err = w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return out.Bytes(), nil
}

// Protected reports whether a key is here and has a passphrase.
func (r *Ring) Protected(public string) bool {
	path, err := r.path(public)
	if err != nil {
		return false
	}
	data, err := os.ReadFile(path)
	return err == nil && encrypted(data)
}

func (r *Ring) passphrase() (string, error) {
	const hint = "set DAYBOOK_PASSPHRASE, or run the command on a terminal, which asks"
	if r.Passphrase == nil {
		return "", hinted{fmt.Errorf("key: %w: none given", ErrPassphrase), hint}
	}
	passphrase, err := r.Passphrase()
	if err != nil {
		return "", hinted{fmt.Errorf("key: %w: %w", ErrPassphrase, err), hint}
	}
	return passphrase, nil
}

func (r *Ring) decrypt(data []byte) ([]byte, error) {
	passphrase, err := r.passphrase()
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("key: %w: %w", ErrPassphrase, err)
	}
	in, err := age.Decrypt(bytes.NewReader(data), identity)
	if err != nil {
		return nil, hinted{fmt.Errorf("key: %w: %w", ErrPassphrase, err), "it may be mistyped"}
	}
	out, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return out, nil
}
