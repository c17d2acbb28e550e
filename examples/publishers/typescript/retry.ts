// When the same request may be sent again (docs/errors.md).
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import type { Status } from "./gen/google/rpc/status_pb.js";

const MAX_TRIES = 10;
const MAX_DELAY_MS = 10_000;
// Without a reason Postrider has not answered, and nobody knows what was done. ABORTED is what
// this client says of a connection that was reset.
const { Aborted, Canceled, DeadlineExceeded, Unavailable, Unknown } = Code;
const UNANSWERED = [Aborted, Canceled, DeadlineExceeded, Unavailable, Unknown];

/** The error of one event on a stream, in the form that calls throw. */
export function asError(status: Status): ConnectError {
  const error = new ConnectError(status.message, status.code);
  error.details = status.details.map(({ typeUrl, value }) => {
    return { type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value };
  });
  return error;
}

/** How long to wait before the same is sent again; throws where that would not help. */
export function retryDelayMs(error: unknown, tries: number): number {
  if (!(error instanceof ConnectError)) throw error;
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  const retry = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const again = retry || (!reason && UNANSWERED.includes(error.code));
  if (!again || tries >= MAX_TRIES) {
    throw new Error(`refused: ${reason}: ${error.message}`);
  }
  const toldMs = Number(retry?.seconds ?? 0) * 1000 + (retry?.nanos ?? 0) / 1e6;
  const backoffMs = Math.min(100 * 2 ** tries, MAX_DELAY_MS);
  return Math.max(toldMs, backoffMs) * (1 + Math.random() / 2);
}
