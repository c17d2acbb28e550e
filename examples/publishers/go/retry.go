package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const maxTries, maxDelay = 10, 10 * time.Second

// retryDelay is how long to wait before the same is sent again (docs/errors.md), after a call's
// error or that of one event on a stream; an error where that would not help.
func retryDelay(failure error, tries int) (time.Duration, error) {
	told, reason, again := status.Convert(failure), "", false
	delay := min(100*time.Millisecond<<tries, maxDelay)
	for _, detail := range told.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.Reason
		case *errdetails.RetryInfo:
			delay, again = max(delay, detail.RetryDelay.AsDuration()), true
		}
	}
	switch told.Code() {
	case codes.Unavailable, codes.Unknown, codes.Canceled, codes.DeadlineExceeded:
		// Without a reason Postrider has not answered, and nobody knows what was done.
		again = again || reason == ""
	}
	if !again || tries >= maxTries {
		return 0, fmt.Errorf("refused: %s: %w", reason, failure)
	}
	return delay + rand.N(delay/2), nil
}

// retry makes a call, each time within the limit, until it ends without an error.
func retry(ctx context.Context, limit time.Duration, call func(context.Context) (bool, error)) error {
	for tries := 0; ; tries++ {
		limited, cancel := context.WithTimeout(ctx, limit)
		progress, failure := call(limited)
		cancel()
		if failure == nil {
			return nil
		}
		if progress {
			tries = 0
		}
		delay, err := retryDelay(failure, tries)
		if err != nil {
			return err
		}
		time.Sleep(delay)
	}
}
