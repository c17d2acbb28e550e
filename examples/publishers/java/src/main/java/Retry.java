import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** When the same request may be sent again (docs/errors.md). */
final class Retry {
  private static final int MAX_TRIES = 10;
  private static final long MAX_DELAY_MILLIS = 10_000;

  /** Without a reason Postrider has not answered, and nobody knows what was done. */
  private static final Set<Status.Code> UNANSWERED =
      EnumSet.of(
          Status.Code.UNAVAILABLE,
          Status.Code.UNKNOWN,
          Status.Code.CANCELLED,
          Status.Code.DEADLINE_EXCEEDED);

  /** How long to wait after a call's error, or that of one event on a stream. */
  static long delayMillis(com.google.rpc.Status error, int tries) {
    String reason = "";
    boolean again = false;
    long delay = Math.min(100L << tries, MAX_DELAY_MILLIS);
    try {
      for (Any detail : error.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          reason = detail.unpack(ErrorInfo.class).getReason();
        } else if (detail.is(RetryInfo.class)) {
          again = true;
          var told = detail.unpack(RetryInfo.class).getRetryDelay();
          delay = Math.max(delay, told.getSeconds() * 1_000 + told.getNanos() / 1_000_000);
        }
      }
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
    Status.Code code = Status.fromCodeValue(error.getCode()).getCode();
    again |= reason.isEmpty() && UNANSWERED.contains(code);
    if (!again || tries >= MAX_TRIES) {
      throw new IllegalStateException("refused: " + reason + ": " + error.getMessage());
    }
    return delay + ThreadLocalRandom.current().nextLong(delay / 2);
  }
}
