// Package attest makes provenance that travels with an adapter, and reads it where
// there is no ledger. It opens no database and makes no keys.
//
// An adapter's folder holds, beside the weights:
//
//	provenance.intoto.jsonl   a DSSE envelope (v1.0) with an in-toto Statement v1, whose
//	                          predicate is SLSA Provenance v1, signed with ECDSA P-256
//	provenance.sigstore.json  the same envelope in a Sigstore bundle (v0.3), which cosign
//	                          takes; folders of older builds don't have it
//	provenance.pub.pem        the public key of that signature
//	bom.cdx.json              a CycloneDX 1.7 ML-BOM
//	ledger-entry.json         the ledger's entry of type adapter: the leaf of its log
//	ledger-entry.tlog-proof   that the entry is in the log of a signed head (C2SP tlog-proof)
//	ledger-keys.jsonl         if the ledger's key was ever replaced: the entries by which each
//	                          key hands over to the next, so that whoever was given an
//	                          older one can follow; both keys have signed each
//
// The statement's first subject is the adapter's identity: the SHA-256 of the two
// lines that sha256sum prints for adapter_config.json and adapter_model.safetensors;
// the others are these two files. So the statement depends on nothing that depends
// on it. The entry holds the digests of the first four files, metadata.json and README.md,
// and the proof ties the entry to the ledger's key: whoever has that key needs no
// other. The envelope's own signature is for tools that know nothing of the log. It
// is worth what is known of provenance.pub.pem: whoever checks a folder with such a
// tool should have that key, or its digest as an audit prints it, from elsewhere.
//
// Three tools of other people's are known to take these files, and to refuse a
// statement, a signature, a key or weights of which a byte was changed, or a broken
// ML-BOM: cosign 3.1.3, in-toto 3.1.0 (the reference implementation, in Python) and
// cyclonedx-python-lib 11.12.0. The tests say which of them they miss:
//
//	DAYBOOK_TEST_COSIGN=cosign DAYBOOK_TEST_PYTHON=venv/bin/python go test -v -run 'Cosign|InToto|CycloneDX' ./ledger/attest
//
// What the ledger knows of how the adapter came about is in the predicate's
// buildDefinition.internalParameters.daybook, as ledger.Trace in JSON. Entries that
// it cites are not in the folder: the statement as a whole is what is proved.
package attest
