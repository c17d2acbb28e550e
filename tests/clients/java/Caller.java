import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import postrider.v1.Event;
import postrider.v1.EventServiceGrpc;
import postrider.v1.PublishEventRequest;

/** Names what a caller in Java uses; it is compiled, not run. */
final class Caller {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  static String publish(Channel channel, String token) {
    Metadata headers = new Metadata();
    headers.put(AUTHORIZATION, "Bearer " + token);
    PublishEventRequest request =
        PublishEventRequest.newBuilder()
            .setParent("tenants/acme")
            .setIdempotencyKey("order-1")
            .setEvent(Event.newBuilder().setEventType("payment.completed"))
            .build();
    return EventServiceGrpc.newBlockingStub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
        .publishEvent(request)
        .getEvent();
  }
}
