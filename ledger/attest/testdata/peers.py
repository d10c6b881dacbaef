"""Has other people's readers accept an adapter's folder, and refuse it changed:
in-toto's reference implementation the provenance, the CycloneDX project's validator
the ML-BOM. TestInToto and TestCycloneDX run it: peers.py in-toto|cyclonedx FOLDER.
requirements.txt pins what it needs; where that is absent it ends with 77.
"""
import copy
import hashlib
import importlib.metadata
import json
import pathlib
import re
import sys

here = pathlib.Path(__file__).parent
pins = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)$", (here / "requirements.txt").read_text(), re.MULTILINE)
for name, wanted in pins:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != wanted:
        print(f"want {name} {wanted}, found {found}: pip install -r ledger/attest/testdata/requirements.txt")
        sys.exit(77)

import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as provenance_pb
import in_toto_attestation.v1.statement_pb2 as statement_pb
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto.exceptions import SignatureVerificationError
from in_toto.models.metadata import Metadata
from in_toto.runlib import record_artifacts_as_dict
from in_toto_attestation.v1.statement import Statement
from securesystemslib.signer import SSlibKey

weights = ["adapter_config.json", "adapter_model.safetensors"]


class Refused(Exception):
    pass


def signed_statement(folder, key):
    """Returns the statement in the folder's envelope, which the key has to have signed."""
    envelope = Metadata.load(str(folder / "provenance.intoto.jsonl"))
    verify(envelope, key)
    return envelope


def verify(envelope, key):
    try:
        envelope.verify_signature(key)
    except SignatureVerificationError as e:
        raise Refused("signature") from e


def check_subjects(folder, subjects):
    """Compares what the statement is about with the files that are there."""
    found = record_artifacts_as_dict([str(folder / w) for w in weights], lstrip_paths=[str(folder) + "/"])
    lines = "".join(f"{found[w]['sha256']}  {w}\n" for w in weights)
    identity = hashlib.sha256(lines.encode()).hexdigest()
    named = {s.name: dict(s.digest) for s in subjects}
    if {w: named.get(w) for w in weights} != found or subjects[0].digest["sha256"] != identity:
        raise Refused("subjects")


def refuses(what, expected, check, *args):
    try:
        check(*args)
    except Refused as e:
        assert str(e) == expected, f"{what}: refused for its {e}"
    else:
        raise AssertionError(f"{what} was changed, and it is taken")


def key_of(public, keyid):
    return {**SSlibKey.from_crypto(public, keyid=keyid).to_dict(), "keyid": keyid}


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def in_toto(folder):
    line = json.loads((folder / "provenance.intoto.jsonl").read_text())
    keyid = line["signatures"][0]["keyid"]
    key = key_of(load_pem_public_key((folder / "provenance.pub.pem").read_bytes()), keyid)

    envelope = signed_statement(folder, key)
    message = json_format.Parse(envelope.payload.decode(), statement_pb.Statement())
    Statement.copy_from_pb(message).validate()
    json_format.ParseDict(json_format.MessageToDict(message.predicate), provenance_pb.Provenance())  # refuses other fields
    check_subjects(folder, message.subject)

    tried = 0
    for at in range(0, len(envelope.payload), 1 + len(envelope.payload) // 1000):
        other = copy.deepcopy(envelope)
        other.payload = flipped(envelope.payload, at)
        refuses(f"byte {at} of the statement", "signature", verify, other, key)
        tried += 1
    signature = bytes.fromhex(envelope.signatures[keyid].signature)
    for at in range(len(signature)):
        other = copy.deepcopy(envelope)
        other.signatures[keyid].signature = flipped(signature, at).hex()
        refuses(f"byte {at} of the signature", "signature", verify, other, key)
        tried += 1
    other = copy.deepcopy(envelope)
    other.payload_type = "application/vnd.in-toto+jsom"
    refuses("the type of the payload", "signature", verify, other, key)
    stranger = key_of(ec.generate_private_key(ec.SECP256R1()).public_key(), keyid)
    refuses("the key", "signature", signed_statement, folder, stranger)
    for name in weights:
        path = folder / name
        data = path.read_bytes()
        for at in range(0, len(data), 1 + len(data) // 50):
            path.write_bytes(flipped(data, at))
            refuses(f"byte {at} of {name}", "subjects", check_subjects, folder, message.subject)
            tried += 1
        path.write_bytes(data)
    check_subjects(folder, message.subject)
    print(f"in-toto {importlib.metadata.version('in-toto')}: refused {tried + 2} changes")


def cyclonedx(folder):
    text = (folder / "bom.cdx.json").read_text()
    validator = JsonStrictValidator(SchemaVersion.V1_7)
    problem = validator.validate_str(text)
    assert problem is None, problem

    def broken(change):
        bom = json.loads(text)
        change(bom)
        return json.dumps(bom)

    changes = {
        "format": lambda b: b.update(bomFormat="CycloneDY"),
        "version of the format": lambda b: b.update(specVersion=17),
        "version of the BOM": lambda b: b.update(version=0),
        "unknown field": lambda b: b.update(more=1),
        "component without a name": lambda b: b["components"][0].pop("name"),
        "type of a component": lambda b: b["metadata"]["component"].update(type="machine-learning-modem"),
        "digest of the adapter": lambda b: b["metadata"]["component"]["hashes"][0].update(content="g" * 64),
        "digest of the base, cut": lambda b: b["components"][0]["hashes"][0].update(content=b["components"][0]["hashes"][0]["content"][1:]),
        "name of a hash": lambda b: b["components"][0]["hashes"][0].update(alg="SHA-257"),
        "learning": lambda b: b["metadata"]["component"]["modelCard"]["modelParameters"]["approach"].update(type="supervising"),
        "time": lambda b: b["metadata"].update(timestamp="yesterday"),
        "two components of one reference": lambda b: b["components"].append(b["components"][0]),
    }
    for what, change in changes.items():
        assert validator.validate_str(broken(change)) is not None, f"{what} was broken, and it is taken"
    print(f"cyclonedx-python-lib {importlib.metadata.version('cyclonedx-python-lib')}: refused {len(changes)} broken BOMs")


{"in-toto": in_toto, "cyclonedx": cyclonedx}[sys.argv[1]](pathlib.Path(sys.argv[2]))
