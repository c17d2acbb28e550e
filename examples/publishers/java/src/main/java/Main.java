import static java.lang.System.getenv;

import io.grpc.*;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.util.Queue;
import java.util.concurrent.*;
import postrider.v1.*;

/** Publishes an event for each key, the first by itself and the others on a stream: Main KEY… */
final class Main {
  public static void main(String[] keys) throws Exception {
    var tls = TlsChannelCredentials.newBuilder().trustManager(new File(getenv("POSTRIDER_CA")));
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        "Bearer " + getenv("POSTRIDER_TOKEN"));
    ManagedChannel channel =
        Grpc.newChannelBuilder(getenv("POSTRIDER_ADDRESS"), tls.build())
            .intercept(MetadataUtils.newAttachHeadersInterceptor(headers))
            .build();
    Publisher publisher =
        new Publisher(EventServiceGrpc.newBlockingStub(channel), EventServiceGrpc.newStub(channel));

    Event payment =
        Event.newBuilder()
            .setEventType("payment.completed")
            .setPayloadJson("{\"amount\":{\"value\":4200}}")
            .build();
    ConcurrentMap<Long, PublishEventRequest> waiting = new ConcurrentHashMap<>();
    for (String key : keys) {
      PublishEventRequest.Builder request = PublishEventRequest.newBuilder();
      request.setParent(getenv("POSTRIDER_TENANT")).setIdempotencyKey(key).setEvent(payment);
      waiting.put((long) waiting.size(), request.build());
    }
    Queue<PublishEventResponse> answers = new ConcurrentLinkedQueue<>();
    answers.add(publisher.publish(waiting.remove(0L)));
    publisher.publishStream(waiting, answers::add);
    long duplicates = answers.stream().filter(PublishEventResponse::getDuplicate).count();
    System.out.println(answers.size() + " published, " + duplicates + " duplicates");
    channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
  }
}
