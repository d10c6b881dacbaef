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
//	sweep       a sweep was planned in order to be run
//	dataset     a file of records was read
//	set         an ordered set of records is trained on or judged with
//	attempt     a run is about to be executed, or a finished one's adapter re-evaluated
//	started, steps, checkpoint, evaluated, epoch, finished, failed, interrupted
//	            what an attempt's journal reported; steps holds consecutive ones
//	rescored    kept predictions were scored with other metrics
//	adapter     an adapter was published as a version of a sweep
//	alias       an alias was pointed at a version
//
// Three things are kept outside the history. Identifiers of records (keyed, so
// that they confirm no guess) are in an index of their own; entries hold only
// digests of lists of them, so that a record can be forgotten. Leases say who
// works on a run just now. Reservations keep a version's number for the adapter
// that is being written.
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
