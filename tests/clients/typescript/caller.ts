// Names what a caller in TypeScript uses; its types are checked, it is not run.
import { create } from "@bufbuild/protobuf";
import { EventService, PublishEventRequestSchema } from "./postrider/v1/event_pb.js";
import { SubscriptionStatus } from "./postrider/v1/subscription_pb.js";

export const request = create(PublishEventRequestSchema, {
  parent: "tenants/acme",
  idempotencyKey: "order-1",
  event: { eventType: "payment.completed" },
});
export const method: "unary" = EventService.method.publishEvent.methodKind;
export const status: SubscriptionStatus = SubscriptionStatus.ENABLED;
