// Package export writes what a ledger has measured in other tools' formats: its
// public views as Parquet and CSV, and its runs in the folders of an MLflow file
// store. It only reads the ledger, and writes no more than is in it: digests,
// counts, relative paths and aggregates, no text of records.
//
// Columns are those of the views (ledger/migration/views.sql), all of them
// optional: text, 64-bit integers and doubles. Times are RFC 3339 text in UTC.
//
// An MLflow file store has a folder for each experiment, here the newest plan of
// each sweep, and in it one for each run that was begun, baselines among them:
//
//	mlruns/<experiment>/meta.yaml
//	mlruns/<experiment>/<run>/meta.yaml
//	    metrics/<name>      lines of time in ms, value, step
//	    params/<name>       a value
//	    tags/<name>         a value
//	    artifacts/spec.json the run's spec, and where its adapter is
//
// The experiment's ID is made from the sweep's name, the run's from that and its
// key, so that they are the same in every export. Metrics are train/* by optimizer
// step, validation/* by epoch, test/* of the epoch that was chosen. A name that has
// a character which MLflow refuses has "_" instead: field_f1(medications) becomes
// field_f1_medications.
package export
