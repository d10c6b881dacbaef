package runner

// slot is a place for one worker process, started when first needed and again
// after a crash. It is used by one goroutine at a time.
type slot struct {
	start   func() (Worker, error)
	device  string // that its attempts compute on
	threads int    // of the next attempts
	now     Worker
}

func (s *slot) worker() (Worker, error) {
	if s.now == nil {
		w, err := s.start()
		if err != nil {
			return nil, err
		}
		s.now = w
	}
	return s.now, nil
}

func (s *slot) discard() {
	_ = s.close() // it has failed already, and that is reported
}

func (s *slot) close() error {
	if s.now == nil {
		return nil
	}
	w := s.now
	s.now = nil
	return w.Close()
}
