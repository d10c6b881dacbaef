// Package serve answers the part of OpenAI's HTTP interface that chats need, with one
// base and its adapters, so that clients of that interface can be pointed at them:
//
//	POST /v1/chat/completions   answers, whole or as server-sent events
//	GET  /v1/models             the base, and every adapter by name@version and alias
//	GET  /v1/models/NAME        one of them
//	GET  /health                whether it can answer, and how many requests wait
//
// Which model answers is the request's "model": "base", or an adapter. An adapter that
// is published while the server runs is there with the next request.
//
// Where "temperature" is absent the most likely tokens are taken, as in evaluations,
// and not drawn at temperature 1 as OpenAI does: an answer is then what the ledger's
// scores are about, and the same every time. A request that gives a temperature gets
// what it asks for, and with a seed the same each time on the same backend. Without
// max_tokens an answer may take what the context has room for.
//
// A field that would change the answer and isn't supported is refused by name, as is
// one that nobody knows; fields that are for OpenAI's own bookkeeping are ignored.
// Errors have OpenAI's form.
//
// Requests wait in a queue of bounded length, in which models take turns, so that many
// requests for one don't keep those for others waiting. What waits for the same
// adapter is generated side by side. A client that goes away ends its answer.
//
// Only local names and addresses are accepted in Host, unless more are allowed, so that
// no web page can reach the server by a name of its own; and what a browser says comes
// from another site is refused. No text of a prompt or an answer is logged or kept.
//
// The package loads no models (package talk does) and finds no adapters (Models does).
package serve
