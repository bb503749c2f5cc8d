package replica

import (
	"sync"

	"binrelay/binlog/txn"
)

// window is the queue between the applier, which prepares and enqueues
// transactions, and the collector, which learns in the same order that they
// are visible. It is bounded in bytes and count.
type window struct {
	maxBytes int64
	maxCount int
	done     func(*item) // called by the collector, in order, for each success
	start    func(*item) // called by the collector when it begins to wait for one
	failure  func()      // called by the collector at each failure

	queue chan *item
	wg    sync.WaitGroup

	mu    sync.Mutex
	moved *sync.Cond
	bytes int64
	count int
	err   error // the first failure; nothing after it counts as applied
}

// item is one step of the applied position: a transaction on its way, or a
// move over something that is not applied (result nil).
type item struct {
	result <-chan txn.Result
	origin txn.Origin
	size   int64
	events int
	group  *group // released when the result came
}

func newWindow(maxBytes int64, maxCount int, start, done func(*item), failure func()) *window {
	w := &window{maxBytes: maxBytes, maxCount: maxCount, start: start, done: done, failure: failure, queue: make(chan *item, maxCount)}
	w.moved = sync.NewCond(&w.mu)
	w.wg.Go(w.collect)
	return w
}

// room blocks until an item of that size fits, or something failed.
func (w *window) room(size int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && w.count > 0 && (w.bytes+size > w.maxBytes || w.count >= w.maxCount) {
		w.moved.Wait()
	}
	return w.err
}

// full reports whether room would block.
func (w *window) full(size int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count > 0 && (w.bytes+size > w.maxBytes || w.count >= w.maxCount)
}

// add enters an item for which there is room.
func (w *window) add(it *item) {
	w.mu.Lock()
	w.bytes += it.size
	w.count++
	w.mu.Unlock()
	w.queue <- it
}

// drain blocks until everything added is visible and returns the failure, if
// there was one.
func (w *window) drain() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.count > 0 {
		w.moved.Wait()
	}
	return w.err
}

// failed returns the first failure.
func (w *window) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// stop ends the collector after everything added has its result.
func (w *window) stop() error {
	close(w.queue)
	w.wg.Wait()
	return w.err
}

func (w *window) collect() {
	for it := range w.queue {
		var err error
		if it.result != nil {
			w.start(it)
			err = (<-it.result).Err
		}
		if it.group != nil {
			it.group.release()
		}
		w.mu.Lock()
		if w.err == nil {
			w.err = err
		}
		ok := w.err == nil
		w.mu.Unlock()
		if ok {
			w.done(it)
		} else {
			w.failure()
		}
		w.mu.Lock()
		w.bytes -= it.size
		w.count--
		w.moved.Broadcast()
		w.mu.Unlock()
	}
}
