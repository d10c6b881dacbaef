// Package sweeps reads sweep files: Jsonnet that describes a set of fine-tuning
// runs. Load evaluates a file, decodes the result strictly, fills in defaults
// and checks every value. It trains nothing, reads no data or model, and writes
// nothing but to a Memory that it is given.
//
// What a file evaluates to is plain data, so that a file may build it without
// the embedded library (lib/daybook.libsonnet) or be ordinary JSON:
//
//	{
//	  name: 'clinical',                     // names a folder
//	  axes: ['rank', { name: 'data', values: ['clean', 'all'] }],
//	  runs: [{ axes: { rank: 4, data: 'clean' }, spec: { ... } }],
//	}
//
// An axis is a name, or an object of name, values (the labels in the order of
// the table) and path (where in the spec it acts, which places errors and tells
// what the axis is: one with the path "seed" repeats runs, whatever its name).
// Labels are strings, numbers or booleans. Every run has one label for each
// axis; no two runs have the same labels or the same spec, and all select epochs
// by the same metric. A spec is the JSON form of Spec, where only base.model and
// data.source are required; DefaultSpec has the rest. In eval.metrics a string is
// short for {kind: string}. data.source is a path, {path, fields, license, consent,
// origin}, or a list of these.
//
// Errors that the author of a file can repair wrap ErrInvalid and are
// *SpecError where a place is known.
package sweeps
