package evidence

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

const (
	typeCosigner  = 4 // first byte of a key that signs cosignature/v1, C2SP tlog-cosignature
	timestampSize = 8 // bytes before such a signature
)

// NewVerifier reads the public key of a log or of a witness.
func NewVerifier(key string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(key, "+")
	hash, material, _ := strings.Cut(rest, "+")
	data, err := base64.StdEncoding.DecodeString(material)
	if err != nil || len(data) == 0 || data[0] != typeCosigner {
		v, err := note.NewVerifier(key) // reports what is wrong with others, too
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		return v, nil
	}
	w := &witness{name: name, key: data[1:]}
	sum := sha256.Sum256(append([]byte(name+"\n"), data...))
	w.hash = binary.BigEndian.Uint32(sum[:])
	if name == "" || strings.ContainsAny(name, " \t\n") || len(w.key) != ed25519.PublicKeySize || hash != fmt.Sprintf("%08x", w.hash) {
		return nil, fmt.Errorf("key %q: %w", key, ErrForm)
	}
	return w, nil
}

// witness verifies cosignatures (C2SP tlog-cosignature, Ed25519).
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

// Verify implements note.Verifier. What a witness signs begins with the time.
func (w *witness) Verify(text, signature []byte) bool {
	if len(signature) != timestampSize+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(signature)
	return at < 1<<63 && ed25519.Verify(w.key, cosigned(at, text), signature[timestampSize:])
}

func cosigned(at uint64, text []byte) []byte {
	b := append([]byte("cosignature/v1\ntime "), strconv.FormatUint(at, 10)...)
	return append(append(b, '\n'), text...)
}

// CosignedAt returns when a witness says that it signed.
func CosignedAt(s note.Signature) (time.Time, error) {
	data, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(data) != 4+timestampSize+ed25519.SignatureSize {
		return time.Time{}, fmt.Errorf("signature of %s: %w", s.Name, ErrForm)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(data[4:])), 0).UTC(), nil
}
