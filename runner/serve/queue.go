package serve

import (
	"context"
	"slices"
	"sync"

	"daybook/runner"
	"daybook/runner/talk"
)

// ticket is a request that waits for the device, or is being answered.
type ticket struct {
	talk.Ask
	adapter *runner.NamedAdapter // nil: the base
	seeded  bool
	feed    *feed
	done    chan struct{} // closed when the answer is complete, or fault says why not
	fault   *Fault
}

// lane is whose turn a ticket takes.
func (t *ticket) lane() string {
	if t.adapter == nil {
		return ""
	}
	return t.adapter.Digest
}

// beside reports whether t and o may be generated side by side. What is drawn with a
// seed is generated alone: on some devices the last bits of logits depend on how many
// rows a product has.
func (t *ticket) beside(o *ticket) bool {
	if t.Sampled() || o.Sampled() {
		return t.Sampled() == o.Sampled() && !t.seeded && !o.seeded
	}
	return true
}

// queue holds waiting tickets. Lanes take turns, each with the tickets that have waited
// longest in it.
type queue struct {
	most int // tickets

	mu    sync.Mutex
	lanes [][]*ticket // none empty; the first has the next turn
	size  int
	wake  chan struct{} // has something when there may be tickets
}

func newQueue(most int) *queue { return &queue{most: most, wake: make(chan struct{}, 1)} }

// push appends t to its lane. It reports false if the queue is full.
func (q *queue) push(t *ticket) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size >= q.most {
		return false
	}
	q.size++
	i := slices.IndexFunc(q.lanes, func(l []*ticket) bool { return l[0].lane() == t.lane() })
	if i < 0 {
		q.lanes = append(q.lanes, []*ticket{t})
	} else {
		q.lanes[i] = append(q.lanes[i], t)
	}
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
	return true
}

// leave takes t out, if it still waits.
func (q *queue) leave(t *ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, lane := range q.lanes {
		if j := slices.Index(lane, t); j >= 0 {
			q.size--
			if q.lanes[i] = slices.Delete(lane, j, j+1); len(q.lanes[i]) == 0 {
				q.lanes = slices.Delete(q.lanes, i, i+1)
			}
			return
		}
	}
}

// next waits for tickets and returns up to most of the lane whose turn it is, to be
// generated side by side; none when ctx is done.
func (q *queue) next(ctx context.Context, most int) []*ticket {
	for {
		if group := q.take(most); group != nil {
			return group
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (q *queue) take(most int) []*ticket {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lanes) == 0 {
		return nil
	}
	lane := q.lanes[0]
	q.lanes = q.lanes[1:]
	n := 1
	for n < min(most, len(lane)) && lane[n].beside(lane[0]) {
		n++
	}
	if n < len(lane) {
		q.lanes = append(q.lanes, lane[n:])
	}
	q.size -= n
	return slices.Clone(lane[:n])
}

// waiting returns how many tickets there are.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size
}

// feed passes text from the device to whoever sends it, without either waiting for the
// other: what has not been taken yet is put together.
type feed struct {
	mu   sync.Mutex
	text []byte
	news chan struct{}
}

func newFeed() *feed { return &feed{news: make(chan struct{}, 1)} }

func (f *feed) put(text string) {
	f.mu.Lock()
	f.text = append(f.text, text...)
	f.mu.Unlock()
	select {
	case f.news <- struct{}{}:
	default:
	}
}

func (f *feed) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := string(f.text)
	f.text = f.text[:0]
	return text
}
