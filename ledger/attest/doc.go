// Package attest makes provenance that travels with an adapter, and reads it where
// there is no ledger. It opens no database and makes no keys.
//
// An adapter's folder holds, beside the weights:
//
//	provenance.intoto.jsonl  a DSSE envelope (v1.0) with an in-toto Statement v1, whose
//	                         predicate is SLSA Provenance v1, signed with ECDSA P-256
//	provenance.pub.pem       the public key of that signature
//	bom.cdx.json             a CycloneDX 1.7 ML-BOM
//	ledger-entry.json        the ledger's entry of type adapter: the leaf of its log
//	ledger-entry.tlog-proof  that the entry is in the log of a signed head (C2SP tlog-proof)
//
// The statement's first subject is the adapter's identity: the SHA-256 of the two
// lines that sha256sum prints for adapter_config.json and adapter_model.safetensors;
// the others are these two files. So the statement depends on nothing that depends
// on it. The entry holds the digests of the first three files, and the proof ties
// the entry to the ledger's key: whoever has that key needs no other. The
// envelope's own signature is for tools that know nothing of the log.
//
// What the ledger knows of how the adapter came about is in the predicate's
// buildDefinition.internalParameters.daybook, as ledger.Trace in JSON. Entries that
// it cites are not in the folder: the statement as a whole is what is proved.
package attest
