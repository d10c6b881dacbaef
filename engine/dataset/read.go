package dataset

import (
	"crypto/sha256"
	"io"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// batch is some rows on their way to becoming records.
type batch struct {
	values  []object
	places  []rowPlace
	records []Record
	err     error         // of the row after the last of records
	done    chan struct{} // closed when records are there
}

const batchRows = 256

// read adds the records of one file: this goroutine takes them, in order, from
// those that work out identities, and those get rows from one that parses.
func (d *Dataset) read(c content, source *Source) error {
	f := File{Path: c.path, Terms: map[string]map[string]int{}, source: source}
	number, first := len(d.Files), len(d.Records)
	d.Files = append(d.Files, f)
	t, err := c.table()
	if err != nil {
		_ = c.close() // only reading
		return err
	}
	d.tables = append(d.tables, t)
	hash := sha256.New()
	all := io.TeeReader(io.NewSectionReader(c.r, 0, c.size), hash)

	workers := runtime.GOMAXPROCS(0)
	ordered, work := make(chan *batch, workers+1), make(chan *batch, workers+1)
	stop := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error { return parse(t, all, ordered, work, stop) })
	for range workers {
		group.Go(func() error {
			dec := newDecoder(&interned{}, source)
			for b := range work {
				b.decode(dec, t, c.size > inMemory)
			}
			return nil
		})
	}
	var fault error
	for b := range ordered {
		if fault != nil {
			continue // let the others finish
		}
		<-b.done
		for i := range b.records {
			rec := &b.records[i]
			rec.Index, rec.file, rec.data = len(d.Records), number, d
			if err := f.count(rec); err != nil {
				b.err = t.explain(rec.at, err)
				break
			}
			d.grow(c.size, first)
			d.Records = append(d.Records, *rec)
		}
		if fault = b.err; fault != nil {
			close(stop)
		}
	}
	err = group.Wait()
	if fault != nil { // it lies before what could not be parsed
		return fault
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, all); err != nil { // what the table had no need to read
		return &Error{Path: c.path, Err: cause(err)}
	}
	hash.Sum(f.Digest[:0])
	f.Bytes, f.Records = c.size, len(d.Records)-first
	// Parquet says that it has no rows, as a shard may; a text may be cut off.
	if _, counted := t.(*parquetTable); f.Records == 0 && !counted {
		return &Error{Path: c.path, Err: ErrEmpty, Advice: shapeAdvice}
	}
	d.Files[number] = f
	d.Bytes += f.Bytes
	return nil
}

// parse sends the rows of t in batches to both channels.
func parse(t table, r io.Reader, ordered, work chan<- *batch, stop <-chan struct{}) error {
	defer close(ordered)
	defer close(work)
	b := &batch{done: make(chan struct{})}
	send := func() bool {
		select {
		case <-stop:
			return false
		case work <- b:
		}
		ordered <- b
		b = &batch{done: make(chan struct{})}
		return true
	}
	err := t.each(r, func(v object, at rowPlace) bool {
		b.values, b.places = append(b.values, v), append(b.places, at)
		return len(b.values) < batchRows || send()
	})
	if len(b.values) > 0 {
		send()
	}
	return err
}

// decode works out the records.
func (b *batch) decode(dec *decoder, t table, onDisk bool) {
	defer close(b.done)
	b.records = make([]Record, 0, len(b.values))
	for i, v := range b.values {
		rec, err := dec.record(v)
		if err != nil {
			b.err = t.explain(b.places[i], err)
			return
		}
		rec.Line, rec.at = int(b.places[i].line), b.places[i]
		if onDisk {
			rec.turns = nil
		}
		b.records = append(b.records, rec)
	}
	b.values = nil
}

// grow makes room for as many records as a file of size will have, going by those
// that came so far, instead of doubling and copying again and again.
func (d *Dataset) grow(size int64, first int) {
	n := len(d.Records) - first
	if len(d.Records) < cap(d.Records) || n < batchRows {
		return
	}
	last := d.Records[len(d.Records)-1].at
	if done := last.at + int64(last.size); last.size > 0 && done > 0 {
		expected := float64(size-done) / float64(done) * float64(n)
		d.Records = slices.Grow(d.Records, int(expected*1.02)+batchRows)
	}
}
