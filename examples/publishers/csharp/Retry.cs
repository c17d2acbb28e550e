using Google.Rpc;
using Grpc.Core;

/// <summary>When the same request may be sent again (docs/errors.md).</summary>
static class Retry
{
    const int MaxTries = 10;
    static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    // Without a reason Postrider has not answered, and nobody knows what was done.
    static readonly StatusCode[] Unanswered =
        [StatusCode.Unavailable, StatusCode.Unknown, StatusCode.Cancelled, StatusCode.DeadlineExceeded];

    /// <summary>The error of a call, in the form that events on a stream have.</summary>
    public static Google.Rpc.Status StatusOf(RpcException error) =>
        error.GetRpcStatus()
        ?? new Google.Rpc.Status { Code = (int)error.StatusCode, Message = error.Status.Detail };

    /// <summary>How long to wait; throws where sending the same again would not help.</summary>
    public static TimeSpan Delay(Google.Rpc.Status error, int tries)
    {
        string? reason = error.GetDetail<ErrorInfo>()?.Reason;
        RetryInfo? info = error.GetDetail<RetryInfo>();
        bool again = info is not null || (reason is null && Unanswered.Contains((StatusCode)error.Code));
        if (!again || tries >= MaxTries)
            throw new InvalidOperationException($"refused: {reason}: {error.Message}");
        TimeSpan told = info?.RetryDelay?.ToTimeSpan() ?? TimeSpan.Zero;
        TimeSpan backoff = TimeSpan.FromMilliseconds(100 * Math.Pow(2, tries));
        backoff = backoff < MaxDelay ? backoff : MaxDelay;
        return (told > backoff ? told : backoff) * (1 + Random.Shared.NextDouble() / 2);
    }
}
