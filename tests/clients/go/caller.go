// Package caller names what a caller in Go uses; it is compiled, not run.
package caller

import (
	"context"

	"caller/postrider/v1"
	"google.golang.org/grpc"
)

// Publish publishes one event.
func Publish(ctx context.Context, channel grpc.ClientConnInterface) (string, error) {
	events := postriderv1.NewEventServiceClient(channel)
	answer, err := events.PublishEvent(ctx, &postriderv1.PublishEventRequest{
		Parent:         "tenants/acme",
		IdempotencyKey: "order-1",
		Event:          &postriderv1.Event{EventType: "payment.completed"},
	})
	return answer.GetEvent(), err
}
