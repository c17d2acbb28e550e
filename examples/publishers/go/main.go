// Publishes an event for each key, the first by itself and the others on a stream.
//
//	go run . KEY…
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	pb "publish/gen/postrider/v1"
)

func main() {
	tls, err := credentials.NewClientTLSFromFile(os.Getenv("POSTRIDER_CA"), "")
	if err != nil {
		log.Fatal(err)
	}
	channel, err := grpc.NewClient(os.Getenv("POSTRIDER_ADDRESS"), grpc.WithTransportCredentials(tls))
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()
	token := "Bearer " + os.Getenv("POSTRIDER_TOKEN")
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", token)
	events := pb.NewEventServiceClient(channel)

	payload := &pb.Event_PayloadJson{PayloadJson: `{"amount":{"value":4200}}`}
	payment := &pb.Event{EventType: "payment.completed", PayloadForm: payload}
	waiting := map[uint64]request{}
	for number, key := range os.Args[1:] {
		waiting[uint64(number)] = &pb.PublishEventRequest{
			Parent: os.Getenv("POSTRIDER_TENANT"), IdempotencyKey: key, Event: payment,
		}
	}
	published, duplicates := 0, 0
	count := func(answer response) {
		published++
		if answer.Duplicate {
			duplicates++
		}
	}
	answer, err := publish(ctx, events, waiting[0])
	if err != nil {
		log.Fatal(err)
	}
	count(answer)
	delete(waiting, 0)
	if err := publishStream(ctx, events, waiting, count); err != nil {
		log.Fatal(err)
	}
	fmt.Println(published, "published,", duplicates, "duplicates")
}
