// Publishes an event for each key, the first by itself and the others on a stream:
//   dotnet run -- KEY…
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Postrider.V1;

static string Setting(string name) =>
    Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"{name} is not set");

var trust = new X509ChainPolicy
{
    TrustMode = X509ChainTrustMode.CustomRootTrust,
    RevocationMode = X509RevocationMode.NoCheck,
};
trust.CustomTrustStore.ImportFromPemFile(Setting("POSTRIDER_CA"));
string authorization = $"Bearer {Setting("POSTRIDER_TOKEN")}";
var token = CallCredentials.FromInterceptor((_, headers) =>
{
    headers.Add("authorization", authorization);
    return Task.CompletedTask;
});
using var channel = GrpcChannel.ForAddress($"https://{Setting("POSTRIDER_ADDRESS")}", new GrpcChannelOptions
{
    HttpHandler = new SocketsHttpHandler { SslOptions = new() { CertificateChainPolicy = trust } },
    Credentials = ChannelCredentials.Create(ChannelCredentials.SecureSsl, token),
});
var publisher = new Publisher(new EventService.EventServiceClient(channel));

var payment = new Event { EventType = "payment.completed", PayloadJson = """{"amount":{"value":4200}}""" };
string tenant = Setting("POSTRIDER_TENANT");
var requests = args.Select(key =>
    new PublishEventRequest { Parent = tenant, IdempotencyKey = key, Event = payment }).ToList();
var answers = new List<PublishEventResponse> { await publisher.Publish(requests[0]) };
var others = requests.Skip(1).Select((request, id) => ((ulong)id, request)).ToDictionary();
await publisher.PublishStream(others, answers.Add);
Console.WriteLine($"{answers.Count} published, {answers.Count(answer => answer.Duplicate)} duplicates");
