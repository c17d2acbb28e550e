// Package caller names what a caller in Go uses; it is compiled, not run.
package caller

import (
	"context"

	"caller/postrider/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Publish publishes one event as who holds the token.
func Publish(ctx context.Context, channel grpc.ClientConnInterface, token string) (string, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	events := postriderv1.NewEventServiceClient(channel)
	answer, err := events.PublishEvent(ctx, &postriderv1.PublishEventRequest{
		Parent:         "tenants/acme",
		IdempotencyKey: "order-1",
		Event:          &postriderv1.Event{EventType: "payment.completed"},
	})
	return answer.GetEvent(), err
}
