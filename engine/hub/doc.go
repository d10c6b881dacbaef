// Package hub finds models of the Hugging Face Hub by name, in the cache that other
// tools share and, for what is missing there, over HTTP.
//
// A name is "hf:org/name" or "hf:org/name@revision". The cache is laid out as the
// huggingface_hub library does (its "Manage cache" guide):
//
//	models--org--name/refs/REVISION           the commit that a branch or tag stood at
//	models--org--name/blobs/ETAG              contents, by SHA-256 (large files) or git hash
//	models--org--name/snapshots/COMMIT/FILE   links to blobs
//	models--org--name/.no_exist/COMMIT/FILE   the commit is known to lack the file
//	.locks/models--org--name/ETAG.lock        held by whoever fetches the blob
//
// A blob is written beside its place, continued where it broke off, checked
// against its name, and then moved. The access token goes to the endpoint alone,
// never to where that redirects, and into no error.
//
// It fetches what a base needs and reads none of it but the index of shards:
// package checkpoint judges files.
package hub
