using Grpc.Core;
using Postrider.V1;

/// <summary>Publishes one event, or many on a stream, until each has its answer.</summary>
class Publisher(EventService.EventServiceClient events)
{
    public async Task<PublishEventResponse> Publish(PublishEventRequest request)
    {
        for (int tries = 0; ; tries++)
        {
            try
            {
                return await events.PublishEventAsync(request, deadline: DateTime.UtcNow.AddSeconds(15));
            }
            catch (RpcException error)
            {
                await Task.Delay(Retry.Delay(Retry.StatusOf(error), tries));
            }
        }
    }

    /// <summary>Tells of each answer, in any order. Events without one go out on the next stream.</summary>
    public async Task PublishStream(Dictionary<ulong, PublishEventRequest> waiting, Action<PublishEventResponse> tell)
    {
        for (int tries = 0; waiting.Count > 0; tries++)
        {
            var (sent, delay) = (waiting.ToList(), TimeSpan.Zero);
            using var call = events.PublishStream(deadline: DateTime.UtcNow.AddSeconds(60));
            try
            {
                Task sending = Send(call.RequestStream, sent);
                await foreach (PublishStreamResponse answer in call.ResponseStream.ReadAllAsync())
                {
                    if (answer.ResultCase == PublishStreamResponse.ResultOneofCase.Error)
                        delay = Retry.Delay(answer.Error, tries);
                    else if (waiting.Remove(answer.RequestId))
                        tell(answer.Response);
                }
                await sending;
            }
            catch (RpcException error)
            {
                delay = Retry.Delay(Retry.StatusOf(error), tries);
            }
            tries = waiting.Count < sent.Count ? -1 : tries;
            await Task.Delay(delay);
        }
    }

    static async Task Send(
        IClientStreamWriter<PublishStreamRequest> stream, List<KeyValuePair<ulong, PublishEventRequest>> sent)
    {
        foreach (var (id, request) in sent)
            await stream.WriteAsync(new PublishStreamRequest { RequestId = id, Publish = request });
        await stream.CompleteAsync();
    }
}
