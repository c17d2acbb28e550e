//! A replica whose every message is chosen by the test.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream as AnyStream, StreamExt};
use postrider_proto::agent::v1::agent_service_server::{AgentService, AgentServiceServer};
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, WorkRequest, WorkResponse};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

use super::TEST_TIMEOUT;

type ResponseStream = Pin<Box<dyn AnyStream<Item = Result<WorkResponse, Status>> + Send>>;

struct AgentServiceStub(mpsc::Sender<ReplicaStream>, String);

#[tonic::async_trait]
impl AgentService for AgentServiceStub {
    type WorkStream = ResponseStream;

    async fn work(
        &self,
        request: Request<Streaming<WorkRequest>>,
    ) -> Result<Response<ResponseStream>, Status> {
        let (outgoing, outgoing_receiver) = mpsc::channel(64);
        let stream = ReplicaStream {
            replica_id: self.1.clone(),
            outgoing,
            incoming: request.into_inner(),
            credit: wire::Credit::default(),
        };
        self.0.send(stream).await.unwrap();
        Ok(Response::new(Box::pin(ReceiverStream::new(outgoing_receiver).map(Ok))))
    }
}

pub struct ScriptedReplica {
    pub url: String,
    streams: mpsc::Receiver<ReplicaStream>,
}

impl ScriptedReplica {
    pub async fn start(replica_id: &str) -> Self {
        Self::serve(replica_id, Server::builder(), "http://127.0.0.1").await
    }

    /// One that demands a certificate of the agent.
    pub async fn start_tls(replica_id: &str, tls: ServerTlsConfig) -> Self {
        let server = Server::builder().tls_config(tls).unwrap();
        Self::serve(replica_id, server, "https://localhost").await
    }

    async fn serve(replica_id: &str, mut server: Server, origin: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{origin}:{}", listener.local_addr().unwrap().port());
        let (streams_in, streams) = mpsc::channel(8);
        let service = AgentServiceServer::new(AgentServiceStub(streams_in, replica_id.to_owned()));
        tokio::spawn(server.add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        Self { url, streams }
    }

    /// The next stream, not yet greeted.
    pub async fn accept_stream(&mut self) -> (ReplicaStream, wire::Hello) {
        let mut stream = timeout(TEST_TIMEOUT, self.streams.recv()).await.unwrap().unwrap();
        let AgentMessage::Hello(hello) = stream.next().await else {
            panic!("no Hello");
        };
        (stream, hello)
    }

    /// The next stream, welcomed.
    pub async fn welcome_stream(&mut self) -> ReplicaStream {
        let (stream, _) = self.accept_stream().await;
        stream.welcome(Duration::from_secs(60)).await;
        stream
    }
}

pub struct ReplicaStream {
    replica_id: String,
    outgoing: mpsc::Sender<WorkResponse>,
    incoming: Streaming<WorkRequest>,
    pub credit: wire::Credit,
}

impl ReplicaStream {
    pub async fn send(&self, message: ReplicaMessage) {
        let message = Some(message);
        self.outgoing.send(WorkResponse { message }).await.unwrap();
    }

    pub async fn welcome(&self, silence_limit: Duration) {
        self.send(ReplicaMessage::Welcome(wire::Welcome {
            replica_id: self.replica_id.clone(),
            heartbeat_interval: Some(Duration::from_millis(200).try_into().unwrap()),
            silence_limit: Some(silence_limit.try_into().unwrap()),
            region_is_unsubscribed: false,
        }))
        .await;
    }

    pub async fn assign(&self, assignments: Vec<wire::Assignment>) {
        self.send(ReplicaMessage::Assign(wire::Assign { assignments })).await;
    }

    pub async fn acknowledge(&self, keys: Vec<wire::AttemptKey>) {
        self.send(ReplicaMessage::ResultAck(wire::ResultAck { keys })).await;
    }

    /// The next message; none when the agent ended the stream.
    pub async fn receive(&mut self) -> Option<AgentMessage> {
        let heard = timeout(TEST_TIMEOUT, self.incoming.message()).await.unwrap();
        heard.ok().flatten().and_then(|request| request.message)
    }

    async fn next(&mut self) -> AgentMessage {
        self.receive().await.expect("the agent ended the stream")
    }

    /// The next message that is neither credit nor proof of life.
    pub async fn next_work_message(&mut self) -> AgentMessage {
        loop {
            match self.next().await {
                AgentMessage::Credit(credit) => self.credit = credit,
                AgentMessage::Heartbeat(_) => {}
                other => return other,
            }
        }
    }

    pub async fn results(&mut self) -> Vec<wire::AttemptResult> {
        match self.next_work_message().await {
            AgentMessage::Results(results) => results.results,
            other => panic!("{other:?}"),
        }
    }

    /// As many results as were asked for.
    pub async fn collect(&mut self, count: usize) -> Vec<wire::AttemptResult> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.results().await);
        }
        all
    }

    /// Makes one attempt and acknowledges its result.
    pub async fn attempt(&mut self, assignment: wire::Assignment) -> wire::AttemptResult {
        self.assign(vec![assignment]).await;
        let result = self.collect(1).await.remove(0);
        self.acknowledge(vec![result.key.clone().unwrap()]).await;
        result
    }

    pub async fn returned(&mut self) -> wire::Return {
        match self.next_work_message().await {
            AgentMessage::ReturnAssignments(returned) => returned,
            other => panic!("{other:?}"),
        }
    }

    /// Hears until `quiet` passes without a word.
    pub async fn assert_silent_for(&mut self, quiet: Duration) {
        if let Ok(word) = timeout(quiet, self.next_work_message()).await {
            panic!("{word:?}");
        }
    }
}
