package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
)

const typeBase = "base"

// Base is a frozen model as a plan read it, with what it says of itself.
type Base struct {
	Digest       Digest `json:"digest"`        // of its weights and configuration
	Model        string `json:"model"`         // as specs name it
	ChatTemplate string `json:"chat_template"` // that replaces its own, as specs name it; "" if none
	Tokenizer    Digest `json:"tokenizer"`
	Template     Digest `json:"template"`   // of the chat template in use
	Repository   string `json:"repository"` // of the Hub, such as org/name; "" if it is a folder
	Revision     string `json:"revision"`   // commit of the repository
	License      string `json:"license"`    // as its card declares it; "" if it doesn't

	Merged BaseMerged `json:"merged,omitzero"` // what it was made from, as its folder says
}

// BaseMerged is the adapter that was folded into another base to make this one.
type BaseMerged struct {
	Name    string `json:"name"`    // of the adapter
	Adapter Digest `json:"adapter"` // its identity
	Base    Digest `json:"base"`    // that it was folded into
	Into    string `json:"into"`    // which of that base's weights: "dequantized" or "original"
}

// RecordBase adds a base, once.
func (l *Ledger) RecordBase(ctx context.Context, b Base) error {
	if err := digests("base "+b.Model, "digest", b.Digest, "tokenizer", b.Tokenizer, "template?", b.Template, "merged adapter?", b.Merged.Adapter, "merged base?", b.Merged.Base); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		identity, err := identityOf(b)
		if err != nil {
			return fmt.Errorf("base %s: %w", b.Model, err)
		}
		var known int
		found, err := none(t.row(ctx, "SELECT 1 FROM bases WHERE identity = ?", identity).Scan(&known))
		if err != nil || found {
			return err
		}
		return t.append(ctx, typeBase, b)
	})
}

func projectBase(ctx context.Context, t *transaction, e entry, b Base) error {
	identity, err := identityOf(b)
	if err != nil {
		return err
	}
	columns, err := jsonColumns(b.Merged)
	if err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO bases (digest, model, chat_template, tokenizer, template, repository, revision, license, merged, identity, entry)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.Digest, b.Model, b.ChatTemplate, b.Tokenizer, b.Template, b.Repository, b.Revision, b.License, columns[0], identity, e.Seq)
}

// bases returns what was read of a base under the names that a spec has for it,
// before an entry, newest first.
func (l *Ledger) bases(ctx context.Context, digest Digest, model, chatTemplate string, before int64) ([]Cited[Base], error) {
	return collect(ctx, l, func(row *sql.Rows, v *Cited[Base]) error {
		b := &v.Fact
		return row.Scan(&v.Entry, &b.Digest, &b.Model, &b.ChatTemplate, &b.Tokenizer, &b.Template, &b.Repository, &b.Revision, &b.License, column{&b.Merged})
	}, `SELECT entry, digest, model, chat_template, tokenizer, template, repository, revision, license, merged FROM bases
		WHERE digest = ? AND model = ? AND chat_template = ? AND entry < ? ORDER BY entry DESC`, digest, model, chatTemplate, before)
}

// Bases returns what was read of a base under the names that a spec has for it, newest
// first.
func (l *Ledger) Bases(ctx context.Context, digest Digest, model, chatTemplate string) ([]Base, error) {
	found, err := l.bases(ctx, digest, model, chatTemplate, math.MaxInt64)
	out := make([]Base, len(found))
	for i, b := range found {
		out[i] = b.Fact
	}
	return out, err
}

// MergedBases returns, by the digest of a base, the adapters that were merged into it,
// as the folders of bases said when they were read.
func (l *Ledger) MergedBases(ctx context.Context) (map[Digest][]Digest, error) {
	found, err := collect(ctx, l, func(row *sql.Rows, b *Base) error {
		return row.Scan(&b.Digest, &b.Merged.Adapter)
	}, "SELECT DISTINCT digest, json_extract(merged, '$.adapter') FROM bases WHERE coalesce(json_extract(merged, '$.adapter'), '') <> '' ORDER BY digest")
	if err != nil {
		return nil, err
	}
	out := map[Digest][]Digest{}
	for _, b := range found {
		out[b.Digest] = append(out[b.Digest], b.Merged.Adapter)
	}
	return out, nil
}
