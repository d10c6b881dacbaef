package keyring

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// attestationFile holds the key that signs what leaves with adapters.
const attestationFile = "attestation.pem"

// Attestation returns the key that signs the provenance of a log's adapters, made
// on first use: ECDSA P-256, as tools for such signatures want it. If like, the key
// that signs the log, has a passphrase, it gets the same.
func (r *Ring) Attestation(origin, like string) (*ecdsa.PrivateKey, error) {
	folder, err := r.Folder(origin)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, attestationFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = r.makeAttestation(path, like)
	}
	if err != nil {
		return nil, fmt.Errorf("attestation key: %w", err)
	}
	if encrypted(data) {
		if data, err = r.decrypt(data); err != nil {
			return nil, err
		}
	}
	const hint = "restore the key's file from a backup, or remove it: the next adapter is then signed by another"
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, hinted{errors.New("attestation key: its file is no PEM"), hint}
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, hinted{fmt.Errorf("attestation key: %w", err), hint}
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, hinted{fmt.Errorf("attestation key: it is a %T, want ECDSA", parsed), hint}
	}
	return key, nil
}

// makeAttestation makes the key's file. Of two processes that do, one is first,
// and both return its key.
func (r *Ring) makeAttestation(path, like string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if like != "" && r.Protected(like) {
		passphrase, err := r.passphrase()
		if err != nil {
			return nil, err
		}
		if data, err = encrypt(data, passphrase); err != nil {
			return nil, err
		}
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := r.write(temp, data); err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temp) }() // it has another name, or none is needed
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// protectAttestation encrypts or decrypts the key of a log, if there is one, as
// Protect does.
func (r *Ring) protectAttestation(folder, passphrase string) error {
	path := filepath.Join(folder, attestationFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("attestation key: %w", err)
	}
	if encrypted(data) {
		if data, err = r.decrypt(data); err != nil {
			return err
		}
	}
	if passphrase != "" {
		if data, err = encrypt(data, passphrase); err != nil {
			return err
		}
	}
	return r.write(path, data)
}
