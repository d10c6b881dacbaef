package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// payloadType is that of an in-toto statement in JSON.
const payloadType = "application/vnd.in-toto+json"

// ErrSignature is wrapped by errors about an envelope that its key has not signed.
var ErrSignature = errors.New("not signed by its key")

// Sign puts a statement into an envelope: a line of JSON.
func Sign(ctx context.Context, statement []byte, key *ecdsa.PrivateKey) ([]byte, error) {
	s, err := dsse.NewEnvelopeSigner(signer{key})
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	e, err := s.SignPayload(ctx, payloadType, statement)
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return append(data, '\n'), nil
}

// Open returns the statement in an envelope that the key has signed. The error
// wraps ErrSignature if it hasn't.
func Open(ctx context.Context, envelope []byte, key *ecdsa.PublicKey) ([]byte, error) {
	var e dsse.Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, fmt.Errorf("provenance: envelope: %w", err)
	}
	if e.PayloadType != payloadType {
		return nil, fmt.Errorf("provenance: envelope: its payload is %q", e.PayloadType)
	}
	v, err := dsse.NewEnvelopeVerifier(verifier{key})
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	_, payload, err := v.VerifyAndDecode(ctx, &e)
	if err != nil {
		return nil, fmt.Errorf("provenance: envelope: %w: %w", ErrSignature, err)
	}
	return payload, nil
}

// MarshalKey returns a public key as PEM, as other tools take it.
func MarshalKey(key *ecdsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("provenance: key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// ParseKey is the inverse of MarshalKey.
func ParseKey(data []byte) (*ecdsa.PublicKey, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		return nil, errors.New("provenance: key: want one public key in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("provenance: key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("provenance: key: it is a %T, want ECDSA", parsed)
	}
	return key, nil
}

// signer signs with ECDSA over SHA-256.
type signer struct{ key *ecdsa.PrivateKey }

// Sign implements dsse.Signer.
func (s signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return ecdsa.SignASN1(rand.Reader, s.key, sum[:])
}

// KeyID implements dsse.Signer.
func (s signer) KeyID() (string, error) { return keyID(&s.key.PublicKey) }

type verifier struct{ key *ecdsa.PublicKey }

// Verify implements dsse.Verifier.
func (v verifier) Verify(_ context.Context, data, sig []byte) error {
	if sum := sha256.Sum256(data); !ecdsa.VerifyASN1(v.key, sum[:], sig) {
		return ErrSignature
	}
	return nil
}

// KeyID implements dsse.Verifier.
func (v verifier) KeyID() (string, error) { return keyID(v.key) }

// Public implements dsse.Verifier.
func (v verifier) Public() crypto.PublicKey { return v.key }

// keyID names a key: the SHA-256 of its SubjectPublicKeyInfo.
func keyID(key *ecdsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), err
}
