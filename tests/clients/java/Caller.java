import io.grpc.Channel;
import postrider.v1.Event;
import postrider.v1.EventServiceGrpc;
import postrider.v1.PublishEventRequest;

/** Names what a caller in Java uses; it is compiled, not run. */
final class Caller {
  static String publish(Channel channel) {
    PublishEventRequest request =
        PublishEventRequest.newBuilder()
            .setParent("tenants/acme")
            .setIdempotencyKey("order-1")
            .setEvent(Event.newBuilder().setEventType("payment.completed"))
            .build();
    return EventServiceGrpc.newBlockingStub(channel).publishEvent(request).getEvent();
  }
}
