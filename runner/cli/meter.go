package cli

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// meter draws a bar for each part of a job on a terminal, and nothing elsewhere.
type meter struct{ p *mpb.Progress }

func newMeter(w io.Writer) *meter {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &meter{}
	}
	return &meter{mpb.New(mpb.WithOutput(f), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))}
}

// part returns what tells how much of a part of the job is done, in things to count.
func (m *meter) part(name string) func(done, total int64) {
	return m.bar(name, decor.CountersNoUnit("%d of %d"))
}

// share is part for things that nobody wants to count.
func (m *meter) share(name string) func(done, total int64) {
	return m.bar(name, decor.Percentage())
}

func (m *meter) bar(name string, how decor.Decorator) func(done, total int64) {
	if m.p == nil {
		return func(int64, int64) {}
	}
	// A total that is set at the first report: what there is to do isn't known before.
	bar := m.p.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(how, decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	return func(done, total int64) {
		bar.SetTotal(total, false)
		bar.SetCurrent(done)
	}
}

func (m *meter) close() {
	if m.p != nil {
		m.p.Shutdown()
	}
}
