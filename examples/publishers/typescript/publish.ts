import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { setTimeout as sleep } from "node:timers/promises";
import { EventService, PublishStreamRequestSchema } from "./gen/postrider/v1/event_pb.js";
import type { PublishEventRequest, PublishEventResponse } from "./gen/postrider/v1/event_pb.js";
import { asError, retryDelayMs } from "./retry.js";

type Events = Client<typeof EventService>;

/** Publishes one event. */
export async function publish(
  events: Events, request: PublishEventRequest, tries = 0,
): Promise<PublishEventResponse> {
  try {
    return await events.publishEvent(request, { timeoutMs: 15_000 });
  } catch (error) {
    await sleep(retryDelayMs(error, tries));
    return publish(events, request, tries + 1);
  }
}

/** Yields the answers, in any order. Events without one go out on the next stream. */
export async function* publishStream(
  events: Events, requests: PublishEventRequest[],
): AsyncGenerator<PublishEventResponse> {
  const waiting = new Map(requests.entries());
  let tries = 0;
  while (waiting.size > 0) {
    const sent = [...waiting];
    let delayMs = 0;
    async function* stream() {
      for (const [number, publish] of sent) {
        yield create(PublishStreamRequestSchema, { requestId: BigInt(number), publish });
      }
    }
    try {
      for await (const { requestId, result } of events.publishStream(stream(), { timeoutMs: 60_000 })) {
        if (result.case === "error") {
          delayMs = retryDelayMs(asError(result.value), tries);
        } else if (result.case === "response") {
          waiting.delete(Number(requestId));
          yield result.value;
        }
      }
    } catch (error) {
      delayMs = retryDelayMs(error, tries);
    }
    tries = waiting.size < sent.length ? 0 : tries + 1;
    await sleep(delayMs);
  }
}
