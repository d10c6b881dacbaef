package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
)

// sum counts every row of the ledger's appended tables in.
func (c *check) sum(into *rowSums) error {
	return c.conn.Raw(func(conn any) error {
		// Of the driver's own rows, values are neither converted nor copied.
		q, ok := conn.(driver.QueryerContext)
		if !ok {
			return fmt.Errorf("%w: %T has no queries", errors.ErrUnsupported, conn)
		}
		for _, table := range allAppended {
			if err := c.sumTable(q, table, into); err != nil {
				return fmt.Errorf("%s: %w", table.table, err)
			}
		}
		return nil
	})
}

func (c *check) sumTable(q driver.QueryerContext, table *appended, into *rowSums) (err error) {
	// The driver would watch a context that can end at each row.
	rows, err := q.QueryContext(context.WithoutCancel(c.ctx), "SELECT "+strings.Join(table.columns, ", ")+" FROM main."+table.table, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found := make([]driver.Value, len(table.columns))
	row := make([]any, len(found))
	for n := 0; ; n++ {
		if n%batch == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		err := rows.Next(found)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, v := range found {
			row[i] = v
		}
		if err := into.add(table, row); err != nil {
			return err
		}
	}
}
