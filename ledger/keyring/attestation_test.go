package keyring

import (
	"crypto/elliptic"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestAttestation makes a key once, keeps it, and protects it with the log's.
func TestAttestation(t *testing.T) {
	r := &Ring{Dir: t.TempDir()}
	origin := NewOrigin()
	_, public, err := r.Make(origin, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.Attestation(origin, public)
	if err != nil || key.Curve != elliptic.P256() {
		t.Fatalf("got %v", err)
	}
	again, err := r.Attestation(origin, public)
	if err != nil || !again.Equal(key) {
		t.Fatalf("another key: %v", err)
	}
	folder, err := r.Folder(origin)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, attestationFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its file is %v, %v", info, err)
	}
	if err := r.Protect(public, "open sesame"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Attestation(origin, public); !errors.Is(err, ErrPassphrase) {
		t.Errorf("it opens without its passphrase: %v", err)
	}
	r.Passphrase = func() (string, error) { return "open sesame", nil }
	if again, err := r.Attestation(origin, public); err != nil || !again.Equal(key) {
		t.Errorf("another key: %v", err)
	}
	if other, err := r.Attestation(NewOrigin(), public); err != nil || other.Equal(key) {
		t.Errorf("another log has the same key: %v", err)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Attestation(origin, public); err == nil {
		t.Error("a damaged file is taken for a key")
	}
}
