package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"time"

	"google.golang.org/grpc/status"
	pb "publish/gen/postrider/v1"
)

type request = *pb.PublishEventRequest
type response = *pb.PublishEventResponse

func publish(ctx context.Context, events pb.EventServiceClient, event request) (answer response, err error) {
	err = retry(ctx, 15*time.Second, func(ctx context.Context) (_ bool, err error) {
		answer, err = events.PublishEvent(ctx, event)
		return false, err
	})
	return answer, err
}

// publishStream publishes many, and tells of each answer, in any order. Events without one
// when a stream ends go out on the next.
func publishStream(ctx context.Context, events pb.EventServiceClient, waiting map[uint64]request, tell func(response)) error {
	return retry(ctx, time.Minute, func(ctx context.Context) (answered bool, failure error) {
		stream, err := events.PublishStream(ctx)
		if err != nil {
			return false, err
		}
		go func(sent map[uint64]request) {
			for id, event := range sent {
				stream.Send(&pb.PublishStreamRequest{RequestId: id, Publish: event})
			}
			stream.CloseSend()
		}(maps.Clone(waiting))
		for {
			answer, err := stream.Recv()
			switch {
			case errors.Is(err, io.EOF) && (failure != nil || len(waiting) == 0):
				return answered, failure
			case err != nil:
				return answered, err
			case answer.GetError() != nil:
				failure = status.FromProto(answer.GetError()).Err()
				if _, refused := retryDelay(failure, 0); refused != nil {
					return false, failure
				}
			default:
				delete(waiting, answer.RequestId)
				answered = true
				tell(answer.GetResponse())
			}
		}
	})
}
