"""Checks an adapter's provenance and ML-BOM with other people's readers, and that
they refuse a statement of which one byte was changed. TestPeers runs it.

pip install 'cyclonedx-python-lib[json-validation]==11.12.0' securesystemslib==1.6.0 \
    in-toto-attestation==0.9.3 cryptography==50.0.2
"""
import json
import pathlib
import sys

try:
    import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as provenance_pb
    import in_toto_attestation.v1.statement_pb2 as statement_pb
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from google.protobuf import json_format
    from in_toto_attestation.v1.statement import Statement
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey
except ImportError as missing:
    print(missing)
    sys.exit(77)

folder = pathlib.Path(sys.argv[1])
problem = JsonStrictValidator(SchemaVersion.V1_7).validate_str((folder / "bom.cdx.json").read_text())
assert problem is None, problem

line = json.loads((folder / "provenance.intoto.jsonl").read_text())
public = load_pem_public_key((folder / "provenance.pub.pem").read_bytes())
key = SSlibKey.from_crypto(public, keyid=line["signatures"][0]["keyid"])
envelope = Envelope.from_dict(line)
envelope.verify([key], 1)
for at in range(0, len(envelope.payload), 97):
    changed = bytearray(envelope.payload)
    changed[at] ^= 1
    try:
        Envelope(bytes(changed), envelope.payload_type, envelope.signatures).verify([key], 1)
    except VerificationError:
        continue
    raise AssertionError(f"byte {at} was changed, and it is still signed")

statement = json_format.Parse(envelope.payload.decode(), statement_pb.Statement())
Statement.copy_from_pb(statement).validate()
json_format.ParseDict(json_format.MessageToDict(statement.predicate), provenance_pb.Provenance())  # refuses other fields
