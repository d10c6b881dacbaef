package attest

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// bundleType is version 0.3 of Sigstore's bundle.
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// bundle is the part of Sigstore's bundle that an envelope signed with a key at hand
// needs. The other parts are for certificates, logs and time stamps of theirs.
type bundle struct {
	MediaType string        `json:"mediaType"`
	Material  material      `json:"verificationMaterial"`
	Envelope  dsse.Envelope `json:"dsseEnvelope"`
}

type material struct {
	PublicKey struct {
		Hint string `json:"hint"` // not the key: whoever verifies has to have that
	} `json:"publicKey"`
}

// Bundle wraps an envelope, as Sign made it with the key's other half, in the form in
// which Sigstore's tools take one: cosign from version 3 on announces to take no
// other. It is a line of JSON, and says nothing that the envelope does not.
func Bundle(envelope []byte, key *ecdsa.PublicKey) ([]byte, error) {
	b := bundle{MediaType: bundleType}
	if err := json.Unmarshal(envelope, &b.Envelope); err != nil {
		return nil, fmt.Errorf("provenance: bundle: %w", err)
	}
	// Sigstore's verifiers pass over a signature whose key goes by a name that isn't
	// theirs for it. It may go by none: DSSE signs no names.
	for i := range b.Envelope.Signatures {
		b.Envelope.Signatures[i].KeyID = ""
	}
	var err error
	if b.Material.PublicKey.Hint, err = keyID(key); err != nil {
		return nil, fmt.Errorf("provenance: bundle: %w", err)
	}
	data, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("provenance: bundle: %w", err)
	}
	return append(data, '\n'), nil
}
