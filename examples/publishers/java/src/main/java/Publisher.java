import com.google.rpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.util.Queue;
import java.util.concurrent.*;
import java.util.function.Consumer;
import postrider.v1.*;
import postrider.v1.EventServiceGrpc.EventServiceBlockingStub;
import postrider.v1.EventServiceGrpc.EventServiceStub;

/** Publishes one event, or many on a stream, until each has its answer. */
record Publisher(EventServiceBlockingStub events, EventServiceStub streams) {
  PublishEventResponse publish(PublishEventRequest request) throws InterruptedException {
    for (int tries = 0; ; tries++) {
      try {
        return events.withDeadlineAfter(15, TimeUnit.SECONDS).publishEvent(request);
      } catch (StatusRuntimeException e) {
        Thread.sleep(Retry.delayMillis(StatusProto.fromThrowable(e), tries));
      }
    }
  }

  /** Tells of each answer, in any order. Events without one go out on the next stream. */
  void publishStream(
      ConcurrentMap<Long, PublishEventRequest> waiting, Consumer<PublishEventResponse> tell)
      throws InterruptedException {
    for (int tries = 0; !waiting.isEmpty(); tries++) {
      int before = waiting.size();
      Queue<Status> errors = new ConcurrentLinkedQueue<>();
      CountDownLatch end = new CountDownLatch(1);
      var answers = new StreamObserver<PublishStreamResponse>() {
        public void onNext(PublishStreamResponse answer) {
          if (answer.hasError()) {
            errors.add(answer.getError());
          } else if (waiting.remove(answer.getRequestId()) != null) {
            tell.accept(answer.getResponse());
          }
        }
        public void onError(Throwable error) {
          errors.add(StatusProto.fromThrowable(error));
          end.countDown();
        }
        public void onCompleted() {
          end.countDown();
        }
      };
      var requests = streams.withDeadlineAfter(60, TimeUnit.SECONDS).publishStream(answers);
      waiting.forEach((id, event) -> requests.onNext(
          PublishStreamRequest.newBuilder().setRequestId(id).setPublish(event).build()));
      requests.onCompleted();
      end.await();
      int round = waiting.size() < before ? 0 : tries;
      tries = round;
      Thread.sleep(errors.stream().mapToLong(e -> Retry.delayMillis(e, round)).max().orElse(0));
    }
  }
}
