// Package ledger remembers what was planned, run, measured and published, in one
// SQLite file. It trains nothing, decides nothing and reads no data set: others
// tell it facts. It holds digests, counts, relative paths and tag values, and
// refuses anything else where an identifier belongs, because the training data
// may be confidential.
//
// # History and query tables
//
// Every fact is an entry: a type, the version of the type's schema, a time and a
// JSON body, numbered in the order in which they were added. Entries are only
// ever added. The tables that queries read are projections: each entry is applied
// to them in the transaction that adds it, by code that looks at nothing else, so
// they can be made again from the history at any time (Rebuild). A correction is
// a new entry.
//
//	type        says
//	origin      under which identity and key the log goes on
//	key         which key replaces the one that signs
//	anchor      a signed head is kept elsewhere, or a witness has signed it
//	sweep       a sweep was planned in order to be run
//	dataset     a file of records was read
//	base        a frozen model was read, and what it says of itself
//	set         an ordered set of records is trained on or judged with
//	membership  what the members of a set are, as roots of trees; see below
//	forgotten   a record was taken out of sets, without saying which
//	attempt     a run is about to be executed, or a finished one's adapter re-evaluated
//	started, steps, checkpoint, evaluated, epoch, finished, failed, interrupted
//	            what an attempt's journal reported; steps holds consecutive ones
//	rescored    kept predictions were scored with other metrics
//	adapter     an adapter was published as a version of a sweep, with these files beside it
//	alias       an alias was pointed at a version
//	reproduced  a finished run was trained once more, and how that compares
//	signoff     a person approved or rejected an adapter, and why
//	merged      the head of another machine's log, of which a copy is kept; see below
//
// Three things are kept outside the history. Identifiers of records (keyed, so
// that they confirm no guess) are in an index of their own; entries hold only
// digests of lists of them, so that a record can be forgotten. Leases say who
// works on a run just now. Reservations keep a version's number for the adapter
// that is being written.
//
// # The log
//
// The entries are the leaves of a Merkle tree, in the order of their numbers,
// which is the only order there is: times are what the writing machine claimed.
//
// A leaf is canonical JSON (RFC 8785) of the entry, in UTF-8, without a newline:
//
//	{"body":{...},"seq":12,"time":"2026-03-01T12:00:00Z","type":"alias","version":1}
//
// where seq counts from 1, time is RFC 3339 in UTC with as many decimals as it
// has, type is 1 to 64 lower-case letters or "_", version is that of the body's
// schema, from 1, and body is canonical JSON. A number is the shortest decimal of
// its double; -0 is 0, and integers that no double holds are refused.
//
// The tree is that of RFC 6962, section 2.1, over SHA-256: a leaf hashes to
// SHA-256(0x00 || leaf), a node to SHA-256(0x01 || left || right). Table hashes
// has its complete nodes in the order of golang.org/x/mod/sumdb/tlog. An entry, its
// hashes, the rows that follow from it and the head over all of them are written
// in one transaction.
//
// A head is a checkpoint (C2SP tlog-checkpoint): the lines origin, number of
// entries, root in base64, as a note (C2SP signed-note) signed with Ed25519. The
// ledger keeps the newest. The origin is "daybook/" and 32 random hex digits, and
// the name of each of its keys.
//
// Entries about the log itself have bodies that anybody can read who checks it:
//
//	origin  origin, key     the identity, and its public key as a note verifier's key
//	        before          number of entries that were there: seq - 1
//	        reason          "first entry", or why there is another identity
//	        cites           last head known of the identity before, "" if there is none
//	key     statement       a note signed by the old and the new key, with the lines
//	                        "daybook key rotation v1", origin, seq - 1, the root over
//	                        that many entries, old key, new key
//	anchor  kind, place     file, tag or witness, and the file's path relative to the
//	                        root, the tag's name or the witness's public key
//	        note            the head that is there; a witness's cosignature/v1 (C2SP
//	                        tlog-cosignature) is one of its signatures
//
//	merged  name, note      what another machine's log is called here, and its head
//	        origin, key     whose head it is, and the key that signed it
//	        entries, root   as the head has them; of a log that nobody has signed, for
//	                        which note, origin and key are "", all there is of it
//	        time            when it was merged
//
// The key in force is that of the newest origin or key entry; it signs every head
// from that entry on. An origin entry that is not the first is a break: nothing but
// the copy at hand vouches for what was before it, beyond the head that it cites.
// A ledger that was written before it was a log begins with such a break when the
// next fact is added; its entries keep their numbers and were brought into canonical
// form, their times are unproved.
//
// A bundle is a zip file that holds
//
//	daybook-bundle          the line "daybook bundle v1"
//	head                    the newest head
//	entries.jsonl           leaves in order, each with a newline: all of them, or those
//	                        that have a proof
//	proofs/N.tlog-proof     that entry N is in the log of a head (C2SP tlog-proof)
//	anchors/*               heads from elsewhere
//	consistency/N           where entries have proofs: that the newest head's log goes on
//	                        from its first N entries (RFC 6962, 2.1.2), a hash in base64
//	                        a line, for every head in anchors
//	artifacts/sha256/xx/... files under the digest of their bytes
//	adapter/*               files whose digests an adapter's entry has, by their names
//	audit/* keys/*          what no entry vouches for: an audit, and the statement, as
//	                        made from the entries; the ledger's public key
//	membership.json         proofs about records, as trained-on writes them; see below
//
// and ledger/cmd/ledgercheck, which shares no code with this package, checks it;
// of membership.json, ledger/cmd/membercheck does.
//
// # Other machines' logs
//
// A log that is merged stays one: none of its entries are added here, so that its
// numbers, versions and signatures go on saying what they said. A copy of its ledger
// (Copy) is kept in .daybook/origins/NAME, which is a root like any other, with the
// adapters that it published; what is new here is one entry, of type merged, with its
// head. This log's head is then over that one: who holds a head of this log can tell
// whether the other was changed since. The next copy must go on from every head that
// was merged, under the same key or one that it was rotated to, and so must the copy
// at hand whenever it is verified.
//
// A copy has no index: identifiers of records, and the keys of commitments to them,
// stay on the machine that has the secret under which they say anything. What the log
// commits to, as roots, is there. Nothing is added to a copy (its application_id is
// another one), also where its key is.
//
// An attempt whose journal came from another machine without a signed log is marked
// in its own entry, unauthenticated: what the journal says is its own claim.
//
// # Members of sets
//
// An entry of type membership commits to the records of a set, so that it can be
// proved of one record that it is in the set or that it isn't, without telling the
// others. Package evidence has the code.
//
// A record has four identities, each a SHA-256 (package engine/dataset): record,
// content, example and near. What is kept is keyed twice:
//
//	indexed  HMAC-SHA-256(root key, identity)   in the index, beside the log
//	place    HMAC-SHA-256(set key, indexed)     in the trees, whose roots are in the log
//
// The root key is HMAC-SHA-256(record key, "daybook membership v1\n"), where the
// record key is a secret of the folder that holds the ledger.
// The set key is random, of one commitment alone, and in the index. The entry holds
//
//	keys  SHA-256("daybook membership keys v1\n" || root key || set key)
//
// so that nobody can prove anything with other keys, under which a record would
// have another place.
//
// For each identity there is a Merkle prefix tree over the places. A place is 256
// bits, the most significant one first: 0 goes left, 1 right. The hash of a subtree is
//
//	no leaf in it    SHA-256(0x02)
//	one leaf in it   SHA-256(0x00 || place || value), at whatever depth
//	more             SHA-256(0x01 || left || right)
//
// where value is a byte: 1 if a record with the identity is whole, 2 if one was cut
// to the run's length, 3 if there are both. Records that share an identity share the
// leaf. So each place is at one point of the tree, and what is there decides: a
// proof is the leaf that is there, or that none is, with the siblings from the root
// down. Presence is proved by a leaf with the place itself, absence by none or by
// one with another place that shares the way there. For any root, however it was
// made up, both can't be proved of one place: the two proofs would end at the same
// point with different things of one hash, or one of them inside of a leaf.
//
// The proofs in a bundle are JSON, bytes in hex:
//
//	{"version":1,"root_key":"..",
//	 "records":[{"record":"..","content":"..","near":".."}],   identities in the clear
//	 "sets":[{"entry":12,"key":"..","proofs":[                 one for each record
//	   {"record":{"leaf":"place and value","siblings":["..",""]}}]}]}
//
// where "" is no leaf, or the hash of no leaf. All commitments in force are there,
// and the bundle has the whole log, so that no run is left out.
//
// That a tree has all members is what its maker says: who trains on a record and
// commits to a set without it isn't found out by the proof. What the trees hold
// must be what is in the index, though, and Verify makes them again from there.
//
// Forget deletes a record's identifiers, and the key of every commitment that the
// record is in; what is left of those sets is committed to under new keys. Deleting
// the identifiers alone would not do: who has the root key and the key of a set
// could test a guess against the root, or find a place at which nothing can be
// proved. The price is that nothing is provable any more against the roots from
// before: that the record was in them, and that another one was not. Proof files
// that were given away keep the keys that they tell. Digests of whole files and
// orders of examples are plain: who has all other records of one, and a guess, can
// still test it.
//
// A proof file tells its reader the root key and the set keys, without which nobody
// can tell that a place is the record's. They open nothing in the log, but the
// reader can test guesses against the leaf next to the record asked for, in each
// set: hand it to those who may know that much.
//
// # What is proved, and by what
//
// Verify finds whatever was changed by somebody without the key: every value that
// a query returns follows from entries, entries from the tree, the tree from the
// head. Triggers against changes are a seatbelt for honest mistakes, no more.
//
// Whoever holds the private key can write another history and sign it. It shows
// only against a head that they can't take back. So the last head signed is kept
// beside the key (package keyring), from which nothing is added to an older copy
// that is put back; and 'daybook ledger anchor' hands heads to others. Entries
// beyond the newest head that somebody else holds are the key holder's word,
// whenever they say they were written; without any such head, that is the whole
// ledger. Verify says which entries those are.
//
// Steps are one entry for those that a delivery brought, 1000 at the most, by
// column: a value changed in any of them is found all the same, and the entries
// take less space than the rows that follow from them.
//
// # Querying the file yourself
//
// Open .daybook/ledger.db with any SQLite client, read-only. Three views are
// meant for that; they only ever gain columns, and every column is described in
// migration/views.sql. Other tables may change with any release.
//
//	v_runs      one row for each run that a sweep planned, each time that it was
//	            planned: axes, state, adapter, tokens, seconds, digests of base
//	            and sets, git state, spec; latest is 1 in the newest plan
//	v_metrics   one row for each aggregate of each evaluation: metric, tag, value
//	v_adapters  one row for each published version, with its aliases
//
// For example, the test loss of a sweep's baselines and finished runs, best first:
//
//	SELECT r.name, r.axes, m.value FROM v_runs r JOIN v_metrics m USING (run)
//	WHERE r.sweep = 'clinical' AND r.latest AND r.state = 'done' AND m.chosen
//	AND m.split = 'test' AND m.metric = 'loss' AND m.by_field = ''
//	ORDER BY m.value
//
// # Processes
//
// Several processes on one machine may use a ledger at the same time. Writes are
// short transactions that wait for each other; queries wait for nobody. Workers
// never open it: they write journals (package journal), which Ingest reads in.
package ledger
